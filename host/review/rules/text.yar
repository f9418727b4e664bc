// Rules over texts: a component's data, documents, scripts, and what tools say of themselves.
//
// Written for this host. Each rule's meta says in which kinds of text it counts and how
// much (data, document, script, tool: info, low, medium or high), why a reader should
// care and what an author can do. `secret` marks matches that reports must not repeat.
// Patterns have a fixed beginning and bounded repetitions, so that a file full of
// near-matches costs little. No pattern names a company; the shapes are public.

rule leaked_private_key {
    meta:
        data = "high"
        document = "high"
        script = "high"
        tool = "high"
        secret = true
        why = "a private key is part of the file: whoever has the file can act as its owner"
        fix = "withdraw the key, and ask for it as a secret in [permissions]"
    strings:
        $pem = /-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY( BLOCK)?-----(\\r|\\n|\s){1,4}[A-Za-z0-9+\/=:, -]{40,200}/
        $age = /AGE-SECRET-KEY-1[0-9A-Z]{50,60}/
    condition:
        any of them
}

rule leaked_key {
    meta:
        data = "high"
        document = "high"
        script = "high"
        tool = "high"
        secret = true
        why = "a text has the shape of an access key: whoever has the file can use it"
        fix = "withdraw the key, and ask for it as a secret in [permissions]; if it is no key, say so to the reviewer"
    strings:
        $cloud = /\b(AKIA|ASIA)[0-9A-Z]{16}\b/
        $map = /\bAIza[0-9A-Za-z_-]{35}/
        $forge = /\bgh[pousr]_[A-Za-z0-9]{36,80}/
        $forge_fine = /\bgithub_pat_[A-Za-z0-9_]{60,90}/
        $lab = /\bglpat-[A-Za-z0-9_-]{20,40}/
        $chat = /\bxox[abeoprs]-[0-9A-Za-z-]{20,120}/
        $model = /\bsk-[A-Za-z0-9_-]{32,160}/
        $pay = /\b[rs]k_live_[A-Za-z0-9]{20,100}/
        $bot = /\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b/
        $packages = /\bnpm_[A-Za-z0-9]{36}\b/
        $index = /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}/
        $ticket = /\beyJhbGciOi[A-Za-z0-9_-]{10,200}\.eyJ[A-Za-z0-9_-]{10,200}\.[A-Za-z0-9_-]{16,200}/
    condition:
        any of them
}

rule leaked_password {
    meta:
        document = "medium"
        script = "high"
        secret = true
        why = "a password or key seems to be written into the text"
        fix = "read it from a secret or a setting"
    strings:
        $assigned = /\b(password|passwd|api_key|apikey|secret_key|access_token|auth_token)["']?\s{0,3}[:=]\s{0,3}["'][A-Za-z0-9+\/_.~!@#$%^&*-]{12,100}["']/ nocase
        $in_url = /:\/\/[A-Za-z0-9._-]{1,60}:[A-Za-z0-9._~!$&*+-]{6,100}@[A-Za-z0-9.-]{3,100}/
    condition:
        any of them
}

rule shell_download {
    meta:
        data = "high"
        document = "high"
        script = "high"
        tool = "high"
        why = "a command fetches a program and runs it at once: nobody sees what it does, and it can change at any time"
        fix = "leave it out; a plugin brings what it needs, signed"
    strings:
        $pipe = /\b(curl|wget)\s[^\r\n|;]{1,200}\|\s{0,3}(sudo\s{1,3}(-[A-Za-z]{1,4}\s{1,3})?)?(\/(usr\/)?bin\/)?(ba|z|da|k)?sh\b/
        $python = /\b(curl|wget)\s[^\r\n|;]{1,200}\|\s{0,3}(sudo\s{1,3})?(python[0-9.]{0,4}|perl|ruby|node)\b/
        $substituted = /\b(ba|z|da|k)?sh\s{1,3}(-c\s{1,3})?["']?(<\(|\$\()(curl|wget)\s/
        $saved = /\b(curl|wget)\s[^\r\n;&]{1,200}(&&|;)\s{0,3}chmod\s{1,3}(\+x|[0-7]{3,4})\s/
        $windows = /\bpowershell(\.exe)?\s[^\r\n]{0,80}-e(nc|ncodedcommand)?\s{1,3}[A-Za-z0-9+\/=]{40}/ nocase
        $expression = /\biex\s{0,3}\(?\s{0,3}\(?\s{0,3}(new-object|iwr|invoke-webrequest)/ nocase
    condition:
        any of them
}

rule shell_hidden {
    meta:
        data = "medium"
        document = "high"
        script = "high"
        tool = "high"
        why = "a command unpacks another one and runs it, so that a reader does not see what runs"
        fix = "write the command out"
    strings:
        $decoded = /\bbase64\s{1,3}(-d|-D|--decode)\b[^\r\n|]{0,120}\|\s{0,3}(sudo\s{1,3})?(ba|z|da|k)?sh\b/
        $evaluated = /\beval\s{1,3}["']?(\$\(|`)[^\r\n]{0,60}\bbase64\s{1,3}(-d|-D|--decode)/
        $python = /\b(exec|eval)\s{0,2}\(\s{0,2}(compile\s{0,2}\(\s{0,2})?((base64|codecs|zlib|marshal)\s{0,2}\.\s{0,2}|__import__\()/
        $script = /\beval\s{0,2}\(\s{0,2}(atob|Buffer\.from|unescape)\s{0,2}\(/
        $hex = /\bxxd\s{1,3}-r\s[^\r\n|]{0,80}\|\s{0,3}(ba|z|da|k)?sh\b/
    condition:
        any of them
}

rule shell_remote {
    meta:
        data = "high"
        document = "high"
        script = "high"
        tool = "high"
        why = "a command hands a shell to another machine"
        fix = "leave it out"
    strings:
        $device = /\/dev\/(tcp|udp)\/[A-Za-z0-9.$\{\}_-]{1,100}\/[0-9$\{]/
        $netcat = /\b(nc|ncat|netcat)\s[^\r\n]{0,60}-(e|c)\s{1,3}(\/(usr\/)?bin\/)?(ba|z|da)?sh\b/
        $pipe = /\bmkfifo\s[^\r\n]{1,100}\b(nc|ncat|telnet)\s/
        $socat = /\bsocat\s[^\r\n]{0,80}\bexec:/ nocase
    condition:
        any of them
}

rule shell_destroys {
    meta:
        data = "medium"
        script = "high"
        tool = "high"
        why = "a command removes or overwrites what is not its own"
        fix = "name the folders of the plugin and no others"
    strings:
        $everything = /\brm\s{1,3}-[a-zA-Z]{0,4}(rf|fr)[a-zA-Z]{0,4}\s{1,3}(--no-preserve-root\s{1,3})?(\/|~|\$HOME)(\s|\*|["';&|]|\/\*)/
        $disk = /\bdd\s[^\r\n]{0,80}\bof=\/dev\/(sd|nvme|disk|mmcblk)/
        $bomb = ":(){ :|:& };:"
    condition:
        any of them
}

rule credentials_sought {
    meta:
        data = "medium"
        script = "high"
        tool = "high"
        why = "it names files where people keep keys, wallets or browser passwords"
        fix = "ask for the secret by name in [permissions]"
    strings:
        $ssh = /(~|\$HOME|%USERPROFILE%|\/home\/[a-z$\{]{1,30}\}?|\/root)[\/\\]\.ssh[\/\\]id_[a-z0-9]{2,10}/
        $cloud = /(~|\$HOME|\/root)\/\.(aws\/credentials|config\/gcloud|kube\/config|docker\/config\.json|netrc|npmrc|pypirc)/
        $wallet = /\b(wallet\.dat|keystore\/UTC--|Local Extension Settings\/[a-p]{32})/
        $browser = /(Login Data|logins\.json|key4\.db|Cookies)["']?\s{0,3}[,;)][^\r\n]{0,60}(Chrome|Firefox|Brave|Chromium)/
        $shadow = "/etc/shadow"
    condition:
        any of them
}

rule instructs_model {
    meta:
        data = "medium"
        document = "medium"
        script = "medium"
        tool = "high"
        why = "the text speaks to the model that reads it, and tells it to put aside what its owner said or to act unasked"
        fix = "describe what the tool does, in the third person"
    strings:
        $ignore = /\b(ignore|disregard|forget|override)\s{1,3}(all\s{1,3}|any\s{1,3}|the\s{1,3}|your\s{1,3}|every\s{1,3}){0,3}(of\s{1,3}(the\s{1,3}|your\s{1,3})?)?(previous|prior|earlier|above|preceding|existing|other|system)\s{1,3}(system\s{1,3})?(instruction|prompt|rule|message|direction|guideline|command|context)/ nocase
        $now = /\byou\s{1,3}are\s{1,3}now\s{1,3}(a|an|in|the)\s{1,3}(new\s|different\s|unrestricted|developer|jailbroken|debug|admin|root)/ nocase
        $secretly = /\b(do\s{1,3}not|don'?t|never|without)\s{1,3}(tell|telling|inform|informing|mention|mentioning|show|showing|reveal|revealing|notify|notifying|alert|alerting|ask|asking)\s{1,3}(this\s{1,3}|it\s{1,3}|anything\s{1,3})?(to\s{1,3})?(the\s{1,3}|your\s{1,3})?(user|owner|human|operator|person)/ nocase
        $call_first = /\b(call|run|use|invoke|execute)\s{1,3}this\s{1,3}(tool\s{1,3}|command\s{1,3}|function\s{1,3})?(first\b|before\s{1,3}(any|every|each|all)\b|instead\s{1,3}of\s{1,3}(any|every|all|other)\b)/ nocase
        $called_first = /\bthis\s{1,3}(tool|function|command)\s{1,3}(must|should|has\s{1,3}to)\s{1,3}(always\s{1,3})?be\s{1,3}(called|run|used|invoked|executed)\b/ nocase
        $mark = /<\/?(important|system|instructions?|secret|hidden|assistant|admin)>/ nocase
        $header = /(^|[\r\n])\s{0,4}#{0,4}\s{0,2}(system|assistant)\s{0,2}(prompt|message|note|override)\s{0,2}:/ nocase
        $turn = /<\|(im_start|system|user|assistant|start_header_id)\|>\s{0,4}(system|user|assistant|developer|tool)\b/
        $opened = /<\|(system|assistant)\|>\s{0,4}[A-Za-z]{1,20}[ ,][ A-Za-z,']{6}/
        $send = /\b(send|forward|post|upload|copy|exfiltrate|transmit)\s{1,3}(all\s{1,3}|the\s{1,3}|any\s{1,3}|entire\s{1,3}|whole\s{1,3}|full\s{1,3}|user'?s?\s{1,3}|your\s{1,3}){1,4}(conversation|chat\s{1,3}history|message\s{1,3}history|secrets?|passwords?|credentials?|api\s{1,3}keys?|system\s{1,3}prompt|memory|memories)\b/ nocase
        $grant = /\b(approve|grant|allow|confirm)\s{1,3}(all\s{1,3}|every\s{1,3}|any\s{1,3}|the\s{1,3}|this\s{1,3}){0,3}(permission|request|approval|access)s?\s{1,3}(automatically|silently|without|immediately)/ nocase
    condition:
        any of them
}

// Alone, as code that runs a model must have them, they say nothing to anybody; what is written
// behind them as a turn is found by the rule above, and what the model reads has no use for them.
rule chat_marks {
    meta:
        data = "low"
        document = "medium"
        script = "medium"
        tool = "high"
        why = "it holds marks that separate the turns of a conversation: code that runs a model needs them, and in what a model reads they pass for somebody else's words"
        fix = "leave them out of texts; in a plugin that runs a model there is nothing to do"
    strings:
        $mark = /<\|(im_start|im_end|system|assistant|endoftext)\|>/
    condition:
        $mark
}

rule asks_reader_to_install {
    meta:
        document = "medium"
        tool = "high"
        why = "it asks people to install something else first, which is how strangers' programs come onto machines"
        fix = "put it into the plugin, or name a package that the system's own package manager brings"
    strings:
        $prerequisite = /\b(prerequisite|before\s{1,3}using|required\s{1,3}(driver|helper|agent|component)|first\s{1,3}(download|install))[^\r\n]{0,160}https?:\/\/[^\s]{1,160}\.(exe|msi|dmg|pkg|zip|sh|bat|ps1|scr|jar|apk)\b/ nocase
        $paste = /\b(paste|copy)\s[^\r\n]{0,60}(into|in)\s{1,3}(your\s{1,3}|a\s{1,3}|the\s{1,3})?(terminal|powershell|command\s{1,3}prompt|run\s{1,3}dialog)/ nocase
    condition:
        any of them
}

rule miner_words {
    meta:
        data = "high"
        document = "medium"
        script = "high"
        tool = "high"
        why = "it holds words of the protocols and programs that mine coins"
        fix = "say what it is for; a plugin that mines is not listed"
    strings:
        $protocol = /\bstratum\+(tcp|ssl|tls):\/\// nocase
        $subscribe = "\"mining.subscribe\""
        $authorize = "\"mining.authorize\""
        $program = /\b(xmrig|cpuminer|minerd|cryptonight|randomx|kawpow|ethash)\b[^\r\n]{0,80}(pool|wallet|worker|--donate|-o\s)/ nocase
    condition:
        any of them
}

rule hidden_service {
    meta:
        data = "high"
        script = "high"
        document = "medium"
        tool = "high"
        why = "it names a server whose owner cannot be found"
        fix = "use a server that people can ask about"
    strings:
        $onion = /\b[a-z2-7]{16}\.onion\b/
        $onion_long = /\b[a-z2-7]{56}\.onion\b/
    condition:
        any of them
}

rule reports_out {
    meta:
        data = "medium"
        script = "high"
        document = "low"
        tool = "high"
        why = "it names a place that takes whatever is sent to it, which is where stolen things go"
        fix = "use a server of your own, and name it in `net`"
    strings:
        $hook = /\b(webhook\.site|requestbin\.(com|net)|pipedream\.net|hookbin\.com|beeceptor\.com|interact\.sh|oast\.(fun|live|me|online|pro|site)|burpcollaborator\.net|ngrok(-free)?\.(io|app)|trycloudflare\.com|serveo\.net|transfer\.sh|file\.io|pastebin\.com\/raw|paste\.ee|hastebin\.com)\b/
    condition:
        any of them
}
