package store

import (
	"slices"
	"testing"
)

func ids(lines []followedLine) (out []int64) {
	for _, l := range lines {
		out = append(out, l.id)
	}
	return out
}

func linesOf(ids ...int64) (out []followedLine) {
	for _, id := range ids {
		out = append(out, followedLine{id: id})
	}
	return out
}

// TestJournalTail holds that what this node has committed is handed out where it is complete, and else has to be read.
func TestJournalTail(t *testing.T) {
	h := &journalTail{}
	if _, ok := h.after(0, 0, 100); ok {
		t.Error("an empty tail knows all")
	}
	h.add(nil)
	h.add(linesOf(10, 12))
	h.add(linesOf(13, 20))
	if _, ok := h.after(0, 8, 100); ok {
		t.Error("line 9 is not in the tail")
	}
	if got, ok := h.after(0, 9, 100); !ok || !slices.Equal(ids(got), []int64{10, 12, 13, 20}) {
		t.Error(ids(got), ok)
	}
	if got, ok := h.after(0, 12, 100); !ok || !slices.Equal(ids(got), []int64{13, 20}) {
		t.Error(ids(got), ok)
	}
	if _, ok := h.after(0, 10, 100); ok {
		t.Error("a position that went back needs lines that are dropped")
	}
	if _, ok := h.after(1, 12, 100); ok {
		t.Error("another shard's lines are not in the tail")
	}
	if got, ok := h.after(0, 12, 1); !ok || !slices.Equal(ids(got), []int64{13}) || h.length() != 2 {
		t.Error(ids(got), ok, h.length())
	}
	h.forget()
	if _, ok := h.after(0, 20, 100); ok {
		t.Error("after a commit of unknown outcome something can be missing")
	}
	h.add(linesOf(30))
	if got, ok := h.after(0, 29, 100); !ok || !slices.Equal(ids(got), []int64{30}) {
		t.Error(ids(got), ok)
	}
	h.add(linesOf(shardSpan + 5))
	if got, ok := h.after(1, shardSpan+4, 100); !ok || !slices.Equal(ids(got), []int64{shardSpan + 5}) {
		t.Error(ids(got), ok)
	}
}
