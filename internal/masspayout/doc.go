// Package masspayout reads files of payouts, one a row, and checks them before anything is sent: it finds all faults of all
// rows, names what a spreadsheet has done to them, and says what the file would pay from which balance.
//
// A row is checked as the request that Gate would have got in its place, by the very same rules, and by what files have
// beyond them: where a request has one meaning or none, a file can have been damaged on its way and still look whole.
// So the reader is strict: what it does not understand in full it refuses, with the line and what to do.
//
// Files are read as a stream. The memory that a check takes depends on the number of rows by a few bytes each, which tell
// repeated rows, and on nothing else in the file.
package masspayout
