package signature

import "strconv"

// MaxForm returns how many bytes the lines of a body of n bytes may have, and
// so the string that is signed for it. Each line repeats the names above it,
// and colons in names are doubled: without a bound a body of 64 KiB with one
// long name could ask for hundreds of megabytes. Bodies as people write them
// need less than three times their own length.
func MaxForm(n int) int { return 16<<10 + 8*n }

// MaxValues returns how many values, containers among them, a body of n bytes
// may have. A value takes many times the memory of the two bytes that it can
// be written with.
func MaxValues(n int) int { return 1<<10 + n/4 }

func manyValues(n int) string {
	return "more than " + strconv.Itoa(MaxValues(n)) + " values in a body of this length"
}

// tooMany returns the place of the comma behind which one value more stands
// than there may be, or -1: containers are not counted, so the rest is found
// on the way.
func tooMany(s string) int {
	left, most := MaxValues(len(s))-1, len(s)
	for i := 0; i < most; i++ {
		switch s[i] {
		case '"':
			for i++; i < most && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case ',':
			if left--; left < 0 {
				return i
			}
		}
	}
	return -1
}
