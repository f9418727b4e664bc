//! A command's words, about as a shell would part them.
//!
//! Quotes, escapes, operators, redirections, substitutions: enough to tell a program from its arguments. It
//! expands nothing. What it does not understand it takes as letters; it never fails and reads each character once.

/// One program with its arguments.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Without quotes.
    pub(super) words: Vec<String>,
    /// Where its output is redirected.
    pub(super) writes: Vec<String>,
    /// Whether another one writes into it.
    pub(super) is_fed: bool,
    /// Whether it stands alone: no operator, no redirection, no substitution.
    pub(super) is_plain: bool,
}

#[derive(Default)]
struct Reader {
    orders: Vec<Order>,
    now: Order,
    word: String,
    /// Whether there is a word, which may be empty in quotes.
    has_word: bool,
    /// Whether the next word is where output goes.
    to_target: bool,
    /// Whether anything but words was seen.
    is_joined: bool,
}

impl Reader {
    fn letter(&mut self, letter: char) {
        self.word.push(letter);
        self.has_word = true;
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.has_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        if std::mem::take(&mut self.to_target) {
            self.now.writes.push(word);
        } else {
            self.now.words.push(word);
        }
    }

    fn end_order(&mut self, feeds: bool) {
        self.end_word();
        self.to_target = false;
        let order = std::mem::take(&mut self.now);
        if !order.words.is_empty() || !order.writes.is_empty() {
            self.orders.push(order);
        }
        self.now.is_fed = feeds;
    }
}

/// The programs of a command, in the order in which they stand.
pub(super) fn orders(command: &str) -> Vec<Order> {
    let mut reader = Reader::default();
    let mut characters = command.chars().peekable();
    // The quote that is open; a substitution within is read as if it stood outside.
    let mut quote: Option<char> = None;
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), letter) => reader.letter(letter),
            (_, '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(letter) => reader.letter(letter),
            },
            (_, '$') if characters.peek() == Some(&'(') => {
                characters.next();
                reader.is_joined = true;
                reader.end_order(false);
                quote = None;
            }
            (_, '`') => {
                reader.is_joined = true;
                reader.end_order(false);
            }
            (Some(_), letter) => reader.letter(letter),
            (None, mark @ ('\'' | '"')) => {
                quote = Some(mark);
                reader.has_word = true;
            }
            (None, ' ' | '\t' | '\r') => reader.end_word(),
            (None, '\n') => reader.end_order(false),
            (None, '#') if !reader.has_word => while characters.next_if(|letter| *letter != '\n').is_some() {},
            (None, '>') => {
                // `2>`: the number is no word of its own.
                if reader.word.chars().all(|letter| letter.is_ascii_digit()) {
                    (reader.word, reader.has_word) = (String::new(), false);
                }
                reader.end_word();
                while characters.next_if(|letter| matches!(letter, '>' | '|' | '&')).is_some() {}
                (reader.to_target, reader.is_joined) = (true, true);
            }
            (None, '<') => {
                reader.end_word();
                reader.is_joined = true;
            }
            (None, '|') => {
                let is_or = characters.next_if_eq(&'|').is_some();
                characters.next_if_eq(&'&');
                reader.is_joined = true;
                reader.end_order(!is_or);
            }
            (None, ';' | '&' | '(' | ')' | '{' | '}') if character != '{' && character != '}' || !reader.has_word => {
                reader.is_joined = true;
                reader.end_order(false);
            }
            (None, letter) => reader.letter(letter),
        }
    }
    reader.end_order(false);
    let is_plain = !reader.is_joined && reader.orders.len() == 1;
    reader.orders.iter_mut().for_each(|order| order.is_plain = is_plain);
    reader.orders
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parted(command: &str) -> Vec<String> {
        let fed = |order: &Order| if order.is_fed { "| " } else { "" };
        let to = |order: &Order| order.writes.iter().map(|target| format!(" >{target}")).collect::<String>();
        orders(command).iter().map(|order| format!("{}{}{}", fed(order), order.words.join("·"), to(order))).collect()
    }

    #[test]
    fn words_are_parted_as_a_shell_does() {
        for (command, expected) in [
            ("ls -l 'a b' \"c d\"", vec!["ls·-l·a b·c d"]),
            ("a; b && c || d", vec!["a", "b", "c", "d"]),
            ("a | b |& c", vec!["a", "| b", "| c"]),
            ("echo 'a; b | c > d'", vec!["echo·a; b | c > d"]),
            ("echo hi > x 2>> y", vec!["echo·hi >x >y"]),
            ("echo $(rm x) `rm y`", vec!["echo", "rm·x", "rm·y"]),
            ("echo \"$(rm x)\"", vec!["echo·", "rm·x", ""]),
            ("(cd x && rm y) &", vec!["cd·x", "rm·y"]),
            ("{ a; }", vec!["a"]),
            ("a\\ b c\\\nd", vec!["a b·cd"]),
            ("a # b; c\nd", vec!["a", "d"]),
            ("a#b", vec!["a#b"]),
            ("", vec![]),
        ] {
            assert_eq!(parted(command), expected, "{command}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(command in "(?s).{0,200}") {
            let letters = orders(&command).iter().flat_map(|order| order.words.iter().chain(&order.writes)).map(String::len).sum::<usize>();
            prop_assert!(letters <= command.len());
            let _ = super::super::look(&command);
        }
    }
}
