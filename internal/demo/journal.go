package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// journal is a file of JSON lines, each one durable before append returns.
type journal struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of the lines that are whole
	err  error // why nothing can be appended any more
}

// openJournal opens the file, or makes it, and hands its records to apply in
// their order. A last line that is not whole was never acknowledged to anybody:
// it is cut off, and torn is its length. A broken line elsewhere is an error.
func openJournal(name string, apply func(*record)) (j *journal, torn int, err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, 0, fmt.Errorf("demo: folder of the shop's state: %w", err)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("demo: the shop's state: %w", err)
	}
	j = &journal{file: file}
	if torn, err = j.replay(apply); err != nil {
		file.Close()
		return nil, 0, err
	}
	if err := errors.Join(file.Truncate(j.size), file.Sync(), syncFolder(filepath.Dir(name))); err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("demo: the shop's state: %w", err)
	}
	return j, torn, nil
}

func (j *journal) replay(apply func(*record)) (torn int, err error) {
	content, err := io.ReadAll(j.file)
	if err != nil {
		return 0, fmt.Errorf("demo: the shop's state: %w", err)
	}
	for n := 1; len(content) > 0; n++ {
		line, rest, whole := bytes.Cut(content, []byte("\n"))
		var r record
		err := json.Unmarshal(line, &r)
		if !whole || err != nil && len(rest) == 0 {
			return len(content), nil
		}
		if err != nil {
			return 0, fmt.Errorf("demo: line %d of %s is broken (%w): mend or remove the line, or move the file away to begin anew",
				n, j.file.Name(), err)
		}
		apply(&r)
		j.size += int64(len(line)) + 1
		content = rest
	}
	return 0, nil
}

// append writes a record and returns once it is durable. After an error the
// record is not in the file.
func (j *journal) append(r *record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("demo: record %s: %w", r.Kind, err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if _, err = j.file.WriteAt(line, j.size); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// Half a line must not become the beginning of the next one.
		if cut := j.file.Truncate(j.size); cut != nil {
			j.err = fmt.Errorf("demo: the shop's state is in doubt after an error, start again: %w", errors.Join(err, cut))
		}
		return fmt.Errorf("demo: the shop's state cannot be written: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = errClosed
	}
	return j.file.Close()
}

// syncFolder makes a new file's name durable, where the system can.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	_ = dir.Sync() // some systems refuse this for a folder; then there is nothing to be done
	return nil
}
