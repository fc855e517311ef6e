package signature

// ComparePaths is the natural order of two paths, for tests.
func ComparePaths(a, b string) int { return Natural.comparison()(Line{Path: a}, Line{Path: b}) }

// CompareNatural is the natural order of two texts, for tests.
func CompareNatural(a, b string) int { return compareNatural(a, b) }

// CompareNaturalLines is the natural order of two lines without its tie-break, for tests.
func CompareNaturalLines(a, b Line) int { return compareNaturalLine(&a, &b) }
