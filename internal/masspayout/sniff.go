package masspayout

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

const (
	asCSV = "Save it as CSV UTF-8, with «;» or «,» between the cells, and upload that file."

	excelToCSV = "In Excel: File, Save As, file type «CSV UTF-8 (Comma delimited)». In LibreOffice: File, Save As, «Text CSV», character set " +
		"«Unicode (UTF-8)», field delimiter «;», and «Quote all text cells» on. Format the columns with account numbers and ids as text before they are filled in."
)

// foreign are the beginnings of files that are no CSV.
var foreign = []struct{ begins, is, todo string }{
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "The file is an Excel workbook of the old kind (.xls), not CSV. ", excelToCSV},
	{"%PDF", "The file is a PDF document, not CSV. ", asCSV},
	{"\x1f\x8b", "The file is compressed (gzip). ", "Unpack it, and upload the CSV file that is in it."},
	{"{\\rtf", "The file is a text document (RTF), not CSV. ", asCSV},
	{"\x00", "The file holds no text. ", asCSV},
}

// sniff names what is no CSV file by how it begins; nil: it may be one.
func sniff(head []byte) *Unreadable {
	told := func(is, todo string) *Unreadable { return unreadable(FormatIncorrect, 0, "", is+todo) }
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return told(archive(head))
	}
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.begins)) {
			return told(f.is, f.todo)
		}
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return unreadable(FileBroken, 0, "", "The file is UTF-16, as Excel saves «Unicode Text». "+excelToCSV)
	}
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrderMark)), " \t\r\n"))
	switch {
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")), bytes.HasPrefix(text, []byte("<table")):
		return told("The file is a web page (HTML), whatever its name says, not CSV. Open it in a spreadsheet. ", excelToCSV)
	case bytes.HasPrefix(text, []byte("<?xml")):
		return told("The file is XML, as old versions of Excel write it, not CSV. Open it in a spreadsheet. ", excelToCSV)
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[{")):
		return told("The file is JSON, not CSV. ", asCSV)
	}
	return nil
}

// archive tells the kinds of ZIP files that spreadsheets write.
func archive(head []byte) (is, todo string) {
	switch {
	case bytes.Contains(head[:min(len(head), 200)], []byte("opendocument.spreadsheet")):
		return "The file is a LibreOffice or OpenOffice spreadsheet (.ods), not CSV. ", excelToCSV
	case bytes.Contains(head, []byte("xl/")), bytes.Contains(head, []byte("[Content_Types].xml")):
		return "The file is an Excel workbook (.xlsx), not CSV. ", excelToCSV
	case bytes.Contains(head, []byte("Index/")) && bytes.Contains(head, []byte(".iwa")):
		return "The file is an Apple Numbers document, not CSV. ", "In Numbers: File, Export To, CSV, text encoding Unicode (UTF-8)."
	}
	return "The file is a ZIP archive, not CSV. ", "Unpack it, and upload the CSV file that is in it."
}

// checkName refuses a file whose name says that it is something else than CSV. A name without an extension says nothing.
func checkName(name string) *Unreadable {
	ext := strings.ToLower(filepath.Ext(name))
	if ext == "" || ext == ".csv" || ext == filepath.Base(name) {
		return nil
	}
	return unreadable(FormatIncorrect, 0, "", fmt.Sprintf("The file's name ends in %s, and only .csv is taken. %s", ext, asCSV))
}

const byteOrderMark = "\ufeff"

// notUTF8 is the fault of a row that is no UTF-8.
func notUTF8(row string, line int64) *Unreadable {
	if strings.IndexByte(row, 0) >= 0 {
		return unreadable(FileBroken, line, "", "The line holds the character NUL: the file is no plain text, or it is UTF-16. "+asCSV)
	}
	if word := asCyrillic(row); word != "" {
		return unreadable(FileBroken, line, "", fmt.Sprintf("The file is not UTF-8 but Windows-1251, as Excel saves «CSV»: read so, this line has the word «%s». %s", word, excelToCSV))
	}
	return unreadable(FileBroken, line, "", "The line is not UTF-8 text. "+asCSV)
}

// asCyrillic is the first word of a text that is Cyrillic where the text is read as Windows-1251; empty: it is none.
func asCyrillic(row string) string {
	at := 0
	for at < len(row) {
		r, size := utf8.DecodeRuneInString(row[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	text, err := charmap.Windows1251.NewDecoder().String(row[at:])
	if err != nil {
		return ""
	}
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(text)
	}
	word := []rune(text[:end])
	for _, r := range word {
		if !unicode.Is(unicode.Cyrillic, r) {
			return ""
		}
	}
	return string(word[:min(len(word), 20)])
}
