package masspayout_test

import (
	"fmt"
	"strings"
)

// beyond is a line with two cells more: a bank and a region, which are the last two changes where these name no column.
func beyond(changes ...string) string {
	bank, region := "", ""
	if n := len(changes); n > 2 && !strings.Contains(changes[n-1], "=") {
		bank, region, changes = changes[n-2], changes[n-1], changes[:n-2]
	}
	return strings.Replace(line(changes...), "\n", ";"+bank+";"+region+"\n", 1)
}

// many are good lines of different sums.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(fmt.Sprint("general.payment_id=many-", i), fmt.Sprint("payment.amount=", 200_000+i)))
	}
	return b.String()
}

// reports are files, each with one thing that is told of it, or several files of one kind.
var reports = []struct {
	name, file string
	files      []string
}{
	{"good", "a.csv", []string{
		head + line(), "\ufeff" + strings.ReplaceAll(head+line(), "\n", "\r\n"), strings.ReplaceAll(head+line(), ";", ","), strings.TrimSuffix(head+line(), "\n"),
		head + line() + ";;;;;;;;\n\n  \n", "SEP=;\n" + head + line(), "customer.ip_address;customer.id;account.number;payment.currency;payment.amount;general.payment_id;method;general.project_id;operation_type\n" +
			"192.0.2.1;c-1;1090000000000060;KGS;200000;id-1;bank-transfer/kyrgyzstan;210;payout\n",
		strings.ReplaceAll(head, "method", `"method"`) + `"payout";"210";"bank-transfer/kyrgyzstan";"id-1";"200000";"KGS";"1090000000000060";"c-1";"192.0.2.1"` + "\n",
	}},
	{"several projects", "a.csv", []string{head + line() + line("general.project_id=211", id(2)) + line(id(3), "payment.amount=300000")}},
	{"empty file", "a.csv", []string{"", "\n\r\n \t\n", "\ufeff", head, head + ";;;;;;;;\n"}},
	{"duplicated columns", "a.csv", []string{"method;" + head + "x;" + line(), "Note;Note;" + head + "a;b;" + line()}},
	{"missing columns", "a.csv", []string{
		strings.Replace(head, "customer.id;", "", 1) + line(), strings.Replace(head, "payment.amount", "Payment Amount", 1) + line(),
		line() + line(id(2)), "\n" + head + line(), "Salaries for November\n" + head + line(), strings.Replace(head, "account.number", "number", 1) + line(),
	}},
	{"other formats", "a.csv", []string{
		"PK\x03\x04\x14\x00\x06\x00\x08\x00[Content_Types].xml xl/workbook.xml", "PK\x03\x04\x14\x00\x00\x08mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "PK\x03\x04Index/Document.iwa", "PK\x03\x04salaries.csv", "%PDF-1.7", "\x1f\x8b\x08\x00", "<html><table>", "<?xml version=\"1.0\"?>",
		"{\"general\":{}}", "{\\rtf1", "\x00\x00\x00", strings.ReplaceAll(head+line(), ";", "\t"), strings.ReplaceAll(head+line(), ";", "|"), "sep=|\n" + strings.ReplaceAll(head+line(), ";", "|"),
	}},
	{"another extension", "salaries.xlsx", []string{head + line()}},
	{"an extension in capitals", "SALARIES.CSV", []string{head + line()}},
	{"other encodings", "a.csv", []string{
		"\xff\xfeo\x00p\x00", windows1251(strings.Replace(head, "\n", ";customer.first_name\n", 1) + line() + strings.Replace(line(id(2)), "\n", ";Айгуль Ысманова\n", 1)),
		windows1251("Имя;" + head + "Айгуль;" + line()), head + line() + line(id(2), "customer.id=\xff\xfe\xfd"), head + line() + line(id(2), "customer.id=a\x00b"),
		head + line(id(1), "customer.id=Айг\ufffdль"),
	}},
	{"old line ends", "a.csv", []string{strings.ReplaceAll(head+line()+line(id(2)), "\n", "\r"), head + strings.ReplaceAll(line()+line(id(2)), "\n", "\r") + "\n" + line(id(3))}},
	{"quotes", "a.csv", []string{
		head + line(id(1)) + line(id(2), `customer.id="c-2`) + line(id(3)) + line(id(4)),                     // never closed
		head + line(id(1)) + line(id(2), `customer.id="c-2`) + line(id(3), `customer.id=c-3"`) + line(id(4)), // swallows the next row whole
		head + line(id(1), `customer.id="c" 1`) + line(id(2)),
		head + line(id(1), `customer.id=O "Alma" O`) + line(id(2), `customer.id="O ""Alma"" O"`),
		head + line(id(1), "customer.id=\"two\nlines\"") + line(id(2), "payment.amount=0"),
		head + line(id(1)) + line(id(2), `customer.id="c-2`) + strings.Repeat(line(id(3)), 2000),
		`"operation_type;` + head + line(),
	}},
	{"a quote that is never closed", "a.csv", []string{ // the line is that where it opens, and nothing of the file is paid
		head + line(id(1)) + line(id(2)) + strings.TrimSuffix(line(id(3), `customer.ip_address="192.0.2.1`), "\n"),
		head + line(id(1)) + line(id(2)) + line(id(3), `customer.ip_address="`),
		head + line(id(1)) + line(id(2), `operation_type="payout`) + line(id(3)),
		strings.Replace(head, "\n", ";payment.description;note\n", 1) + strings.Replace(line(id(1)), "\n", ";\"two\nlines\";\"and\nthree\nmore\n", 1) + strings.Repeat(line(id(2)), 3),
		head + line(`customer.id="c-1`) + strings.Repeat(line(id(2), `customer.id="c-2"`), 3) + line(id(3), `customer.id="`),
		head + many(2000) + line(`account.number="1090000000000060`) + many(3), // behind what is read at once
		strings.ReplaceAll(head+line(id(1))+line(id(2), `account.number="1090000000000060""`)+line(id(3)), "\n", "\r\n"),
	}},
	{"cells", "a.csv", []string{
		head + strings.Replace(line(id(1)), "\n", ";;\n", 1) + strings.Replace(line(id(2)), "\n", ";x\n", 1) + line(id(3), "payment.amount=2000;00") + "payout;210;bank-transfer/kyrgyzstan\n",
		strings.Replace(head, "\n", ";\n", 1) + strings.Replace(line(id(1)), "\n", ";\n", 1) + strings.Replace(line(id(2)), "\n", ";x\n", 1),
	}},
	{"empty rows", "a.csv", []string{head + line(id(1)) + "\n;;;;;;;;\n" + line(id(2)) + "\n\n", head + "\n" + line(id(1))}},
	{"sums below the table", "a.csv", []string{
		head + line(id(1)) + ";;;;200000;;;;\n", head + line(id(1)) + "Итого:;;;;2 000,00;KGS;;;\n", head + line(id(1)) + "Total;200000\n", head + line(id(1)) + "\n;;;Всего;200000;;;;\n",
	}},
	{"the template's sample", "a.csv", []string{head + line("general.payment_id=SAMPLE-row-delete-it") + line(id(2))}},
	{"projects", "a.csv", []string{head + line("general.project_id=", id(1)) + line("general.project_id=shop", id(2)) + line("general.project_id=210.0", id(3)) +
		line("general.project_id=999", id(4)) + line("general.project_id=0210", id(5)) + line("general.project_id=99999999999999999999", id(6)) +
		line("general.project_id=220", id(7)) + line("general.project_id=214", id(8)) + line("general.project_id=2,1E+02", id(9)) + line("general.project_id=\u00a0210", id(10))}},
	{"methods", "a.csv", []string{head + line("method=", id(1)) + line("method=bank-transfer/mars", id(2)) + line("method=bank-transfer/africa", id(3)) +
		line("general.project_id=213", id(4)) + line("method=Bank transfer Kyrgyzstan", id(5)) + line("method=#REF!", id(6))}},
	{"cards", "a.csv", []string{cardHead + cardLine("c1", "", "") + cardLine("c2", "2025", "1") + cardLine("c3", "2026", "10") + cardLine("c4", "2030", "13") + cardLine("c5", "2030", "1")}},
	{"operations", "a.csv", []string{head + line("operation_type=refund", id(1)) + line("operation_type=capture", id(2)) + line("operation_type=cancel", id(3)) +
		line("operation_type=", id(4)) + line("operation_type=Payout", id(5))}},
	{"payment ids", "a.csv", []string{head + line("general.payment_id=") + line("general.payment_id=  ") + line("general.payment_id= id-1") + line("general.payment_id=1,5E+15") +
		line("general.payment_id="+strings.Repeat("x", 256)) + line("general.payment_id=id-1\u00a0") + line(id(7)) + line("general.payment_id=ID-7") + line("general.payment_id=#Н/Д")}},
	{"amounts", "a.csv", []string{head + line("payment.amount=", id(1)) + line("payment.amount=2000.00", id(2)) + line("payment.amount=2000,5", id(3)) + line("payment.amount=2 000", id(4)) +
		line("payment.amount=2\u00a0000,00", id(5)) + line("payment.amount=1E+05", id(6)) + line("payment.amount=1,5E+15", id(7)) + line("payment.amount=0", id(8)) +
		line("payment.amount=-200000", id(9)) + line("payment.amount=0200000", id(10)) + line("payment.amount=99999999999999999999", id(11)) + line("payment.amount=10000000000001", id(12)) +
		line("payment.amount=1,234,567.89", id(13)) + line("payment.amount=200000 KGS", id(14)) + line("payment.amount=#VALUE!", id(15)) + line("payment.amount=########", id(16)) +
		line("payment.amount=Err:502", id(17)) + line("payment.amount= 200000", id(18)) + line("payment.amount=2'000", id(19)) + line("payment.amount=١٥٠٠", id(20)) +
		line("payment.amount=1000", id(21)) + line("payment.amount=1500001", id(22)) + line("payment.amount=2000.555", id(23)) + line("payment.amount=\u00a0", id(24)) + line("payment.amount=200\u200b000", id(25))}},
	{"numbers beyond 64 bits", "a.csv", []string{ // 2^64 + 200000 is 200000 to who counts in 64 bits
		strings.Replace(head, "\n", ";account.bank_id;account.region_id\n", 1) +
			beyond("payment.amount=18446744073709751616", id(1)) + beyond("payment.amount=9223372036854775808", id(2)) + beyond("payment.amount=-9223372036854775809", id(3)) +
			beyond("general.project_id=18446744073709551826", id(4)) + beyond("general.project_id=4294967506", id(5)) + beyond("payment.amount=340282366920938463463374607431768411456", id(6)) +
			beyond(id(7), "18446744073709551617", "") + beyond(id(8), "", "18446744073709551617") + beyond(id(9), "9223372036854775808", "4294967297") + beyond(id(10), "7", "7"),
	}},
	{"what cannot be seen", "a.csv", []string{
		head + line(id(1), "account.number=10900000\u00ad00000060") + line(id(2), "account.number=\ufeff1090000000000060") +
			line(id(3), "account.number=1090000000000060\u200e") + line(id(4), "account.number=1090000000000\u2060060") + line(id(5), "account.number=109000000\u20070000060") +
			line(id(6), "account.number=1090000000000060\t") + line(id(7), "account.number=1090000000000060\ufe0f") + line(id(8), "account.number=10900000\u034f00000060") +
			line(id(9), "account.number=\u31641090000000000060") + line(id(10), "account.number=109000000000\U000e003000060") + line("general.payment_id=id-11\ufe0f") +
			line("general.payment_id=id\u115f-12") + line("general.payment_id=id-13\u200d") + line(id(14), "customer.id=c-1\u3164") + line(id(15), "payment.currency=KGS\u00ad") + line(id(16), "method=bank-transfer/kyrgyz\u200bstan"),
	}},
	{"currencies", "a.csv", []string{head + line("payment.currency=", id(1)) + line("payment.currency=kgs", id(2)) + line("payment.currency=KGS ", id(3)) + line("payment.currency=SOM", id(4)) +
		line("payment.currency=USD", id(5)) + line("payment.currency=#NAME?", id(6))}},
	{"accounts", "a.csv", []string{head + line("account.number=", id(1)) + line("account.number=1,09E+15", id(2)) + line("account.number=109E15", id(3)) + line("account.number=1090 0000 0000 0060", id(4)) +
		line("account.number=109000000000\u200b0048", id(5)) + line("account.number=\u00a01090000000000060", id(6)) + line("account.number=109-000", id(7)) + line("account.number=#ССЫЛКА!", id(8)) +
		line("account.number=1", id(9)) + line("account.number="+strings.Repeat("1", 101), id(10)) + line("account.number=##########", id(11)) + line("account.number=90000000000045", id(12))}},
	{"the account doctor warns", "a.csv", []string{head + line("general.project_id=211", "account.number=1090000000000049", id(1)) + line("general.project_id=211", "account.number=1091234567890120", id(2)) +
		line("general.project_id=211", "account.number=90000000000045", id(3)) + line("general.project_id=211", "account.number=12345", id(4))}},
	{"the account doctor is strict", "a.csv", []string{head + line("general.project_id=212", "account.number=1090000000000049", id(1)) + line("general.project_id=212", "account.number=1091234567890120", id(2)) +
		line("general.project_id=212", "account.number=90000000000045", id(3)) + line("general.project_id=212", id(4))}},
	{"other fields", "a.csv", []string{
		head + line("customer.id=", id(1)) + line("customer.ip_address=300.1.1.1", id(2)) + line("customer.ip_address=", "customer.id=", "payment.amount=0", "payment.currency=", id(3)) +
			line(`customer.id="c;general:payment_id:NEW"`, id(4)) + line("customer.id=c\u200e1", id(5)),
		strings.Replace(head, "\n", ";customer.day_of_birth;customer.phone;general.operation_id;account.region_id;customer.zip\n", 1) +
			strings.Replace(line(id(1)), "\n", ";31-01-1990;+996555123456;;7;720000\n", 1) + strings.Replace(line(id(2)), "\n", ";32904;;;;\n", 1) +
			strings.Replace(line(id(3)), "\n", ";31.01.1990;996 555;12;x;12345678901234567\n", 1) + strings.Replace(line(id(4)), "\n", ";soon;9,96556E+11;;0;\n", 1),
	}},
	{"lost letters", "a.csv", []string{strings.Replace(head, "\n", ";customer.first_name\n", 1) + strings.Replace(line(id(1)), "\n", ";??????\n", 1) + strings.Replace(line(id(2)), "\n", ";Why??\n", 1)}},
	{"unknown columns", "a.csv", []string{strings.Replace(head, "\n", ";Note;Payment Description;\u00a0\n", 1) + strings.Replace(line(), "\n", ";a;b;\n", 1)}},
	{"twice in the file", "a.csv", []string{head + line(id(1)) + line(id(1)) + line(id(2)) + line(id(3), "payment.amount=300000")}},
	{"all accounts cut", "a.csv", []string{
		head + line("account.number=1091234567890120", id(1)) + line("account.number=1091234567890130", id(2)) + line("account.number=12345678901234500000", id(3)),
		head + line("account.number=1091234567890120", id(1)) + line("account.number=1091234567890130", id(2)) + line("account.number=1091234567890131", id(3)),
	}},
	{"major units", "a.csv", []string{
		head + line(id(1), "payment.amount=12000") + line(id(2), "payment.amount=9500", "account.number=1"), head + line(id(1), "payment.amount=12000") + line(id(2), "payment.amount=200000"),
		head + line(id(1), "payment.amount=900"),
	}},
}
