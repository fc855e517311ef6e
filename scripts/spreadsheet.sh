#!/bin/sh
# Takes the files of internal/csvfile/testdata through LibreOffice's own format and back, and fails where a cell has become
# another. It needs soffice (Debian: libreoffice-calc-nogui), which is too large for CI; the files themselves are held by a test.
set -eu
cd "$(dirname "$0")/.."
command -v soffice >/dev/null || { echo "spreadsheet.sh: soffice is missing: apt-get install libreoffice-calc-nogui" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
convert() {
	soffice "-env:UserInstallation=file://$work/profile" --headless "$@" >/dev/null 2>&1
}
for form in comma:44 semicolon:59; do
	name=spreadsheet-${form%:*} mark=${form#*:}
	# Separator, quote, UTF-8, from the first row, no column formats, any language, quoted fields as text, no guessing of numbers.
	convert "--infilter=CSV:$mark,34,76,1,,0,true,false" --convert-to ods --outdir "$work" "internal/csvfile/testdata/$name.csv"
	convert --convert-to "csv:Text - txt - csv (StarCalc):$mark,34,76,1,,0,true,true,false" --outdir "$work/back" "$work/$name.ods"
	cmp "internal/csvfile/testdata/$name.csv" "$work/back/$name.csv"
	echo "$name: every cell came back"
done
