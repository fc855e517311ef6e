package account

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Banks names banks by the first three digits of their accounts. It is the operator's own list: the program ships
// none, because no list of the digits is published that it could rely on.
type Banks map[string]string

// ReadBanks reads a bank list: CSV in UTF-8 with the first row "digits,bank", then one bank a row, such as
// "999,Test bank". An error names the line and what to do.
func ReadBanks(r io.Reader) (Banks, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = 2
	banks := make(Banks)
	for first := true; ; first = false {
		row, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF) && first:
			return nil, errors.New(`bank list: the file is empty: begin it with the row "digits,bank"`)
		case errors.Is(err, io.EOF):
			return banks, nil
		case err != nil:
			return nil, fmt.Errorf("bank list: want two columns, digits and bank: %w", err)
		}
		line, _ := rows.FieldPos(0)
		if first {
			if strings.TrimPrefix(row[0], "\ufeff") != "digits" || row[1] != "bank" {
				return nil, fmt.Errorf(`bank list, line %d: the first row must be "digits,bank"`, line)
			}
			continue
		}
		if err := banks.add(row[0], strings.TrimSpace(row[1])); err != nil {
			return nil, fmt.Errorf("bank list, line %d: %w", line, err)
		}
	}
}

func (b Banks) add(digits, name string) error {
	switch {
	case len(digits) != bankDigits || firstOther(digits) > 0:
		return fmt.Errorf("%q: want the first %d digits of the bank's accounts", digits, bankDigits)
	case name == "":
		return fmt.Errorf("%s has no bank name", digits)
	case b[digits] != "":
		return fmt.Errorf("%s stands twice: keep one", digits)
	}
	b[digits] = name
	return nil
}
