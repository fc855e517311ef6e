package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpay/internal/pgtest"
)

// A database that is restored from an older backup beside a bank that went on: serve says so in its first line and its log,
// and once merchants have sent again what is missing, nothing is paid twice and it says so no more.
func TestTheBankIsAheadAfterARestore(t *testing.T) {
	t.Parallel()
	engines(t, bankIsAheadAfterARestore)
}

func bankIsAheadAfterARestore(t *testing.T, db database) {
	web := newReceiver(t)
	bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", filepath.Join(db.dir, "bank"))
	db.project(t, 210, web)
	pay := func(node *process, ids ...string) {
		t.Helper()
		waitForProject(t, node.Gate, 210)
		for _, id := range ids {
			before := len(web.callbacks(id))
			if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("10900000004598", id)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "callback of "+id, func() bool { return len(web.callbacks(id)) > before })
		}
	}
	node := db.serve(t, "--bank-url", bank.Bank)
	pay(node, "before")
	var restore func() database
	if strings.HasPrefix(db.url, "sqlite:") {
		restore = db.backUpFile(t)
	} else {
		node.stop()
		backup := pgtest.Copy(t, db.url)
		restore = func() database { return database{url: backup, dir: db.dir} }
		node = db.serve(t, "--bank-url", bank.Bank)
	}
	pay(node, "lost-1", "lost-2")
	node.stop()
	if node.BankAhead != 0 || strings.Contains(node.log.String(), "ahead") {
		t.Errorf("before the restore it says that the bank is ahead by %d: %s", node.BankAhead, node.log)
	}

	db = restore()
	node = db.serve(t, "--bank-url", bank.Bank)
	if said := node.log.String(); node.BankAhead != 2 || !strings.Contains(said, "the bank is ahead of this database") || !strings.Contains(said, "210/lost-1") {
		t.Errorf("after the restore it says that the bank is ahead by %d: %s", node.BankAhead, said)
	}
	pay(node, "lost-1", "lost-2", "after")
	node.stop()
	node = db.serve(t, "--bank-url", bank.Bank)
	if node.BankAhead != 0 {
		t.Errorf("when all was sent again, it says that the bank is ahead by %d: %s", node.BankAhead, node.log)
	}
	for name, tr := range book(t, bank.Bank) {
		if tr.Executed != 1 {
			t.Errorf("%s was paid %d times", name, tr.Executed)
		}
	}
	db.clean(t, bank.Bank)
}

// backUpFile makes a backup beside the running server, and returns what puts it in the place of the database.
func (db database) backUpFile(t *testing.T) (restore func() database) {
	backup := filepath.Join(db.dir, "backup")
	db.flashpay(t, "backup", "--to", backup)
	return func() database {
		file := strings.TrimPrefix(db.url, "sqlite:")
		for _, name := range []string{file, file + "-wal", file + "-shm"} {
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		if err := os.Rename(backup, file); err != nil {
			t.Fatal(err)
		}
		return db
	}
}
