package report

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

// Titles of columns in the languages of readers. A column that is always empty has none: its name stands in for it.
//
//go:embed titles.csv
var titlesCSV string

// languages are those of the titles, in the order of the table's columns.
var languages = []string{"en", "ru", "ky"}

var titles = mustReadTitles(titlesCSV)

// Title is a column's title in a language; without a language, or where there is none, the column's name.
func Title(column, language string) string {
	i := slices.Index(languages, language)
	row, ok := titles[column]
	if i < 0 || !ok {
		return column
	}
	return row[i]
}

func mustReadTitles(text string) map[string][]string {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !slices.Equal(rows[0][1:], languages) {
		panic(fmt.Sprintf("report: embedded titles.csv: want the languages %v: %v", languages, err))
	}
	out := make(map[string][]string, len(rows))
	for _, row := range rows[1:] {
		out[row[0]] = row[1:]
	}
	return out
}
