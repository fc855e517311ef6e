package sqldb

import (
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Each class of PostgreSQL's manual, appendix A, and what an error of it means; single codes where they differ.
func TestEverySQLStateHasAMeaning(t *testing.T) {
	means := map[Fault][]string{
		FaultItem: {
			"00000", "01000", "02000", "09000", "0F000", "0Z000", "10608", "20000", "21000", "22001", "22003", "22021", "22P02", "22P05", "23502", "23505",
			"23514", "27000", "2BP01", "2F000", "38000", "39000", "40002", "42601", "42P01", "42804", "44000", "54000", "P0001",
		},
		FaultRetry: {"40000", "40001", "40P01", "55000", "55006", "55P03", "57014", "72000"},
		FaultLost: {
			"03000", "08000", "08003", "08006", "08P01", "0A000", "0B000", "0L000", "0P000", "24000", "25000", "25001", "25006", "25P01", "25P02", "25P03",
			"25P04", "26000", "28000", "28P01", "2D000", "34000", "3B000", "3D000", "3F000", "40003", "42501", "42P03", "42P05", "53000", "53100", "53200",
			"53300", "53400", "57000", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "58P01", "58P02", "F0000", "HV000", "XX000",
			"XX001", "XX002", "ZZ000", "",
		},
	}
	tried := make(map[string]bool)
	for want, codes := range means {
		for _, code := range codes {
			if got := Classify(fmt.Errorf("store: commit: %w", &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code})); got != want {
				t.Errorf("%q means %d, want %d", code, got, want)
			}
			tried[code], tried[code[:min(2, len(code))]] = true, true
			if got := Classify(&pgconn.PgError{SeverityUnlocalized: "FATAL", Code: code}); got != FaultLost {
				t.Errorf("a fatal %q means %d: the connection is closed", code, got)
			}
		}
	}
	for code := range sqlStates {
		if !tried[code] {
			t.Errorf("%q is not in this table", code)
		}
	}
	if Classify(io.EOF) != FaultLost {
		t.Error("the end of a connection is not its loss")
	}
}
