package sample

import (
	"math/rand/v2"
	"slices"
	"time"
)

// bishkek is the time by which the sample's people live. The Kyrgyz Republic has changed no clock since 2005.
var bishkek = time.FixedZone("Asia/Bishkek", 6*60*60)

// holidays are the fixed public holidays, by month and day.
var holidays = map[[2]int]bool{
	{1, 1}: true, {1, 2}: true, {1, 7}: true, {2, 23}: true, {3, 8}: true, {3, 21}: true, {4, 7}: true, {5, 1}: true, {5, 5}: true,
	{5, 9}: true, {8, 31}: true, {11, 7}: true, {11, 8}: true,
}

func workday(day time.Time) bool {
	weekday := day.Weekday()
	return weekday != time.Saturday && weekday != time.Sunday && !holidays[[2]int{int(day.Month()), day.Day()}]
}

// midnight is the beginning of a day in Bishkek.
func midnight(at time.Time) time.Time {
	y, m, d := at.In(bishkek).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, bishkek)
}

// dayWeight says how busy the shop's day is beside others: weekends and holidays are quieter, December is busier, and
// the last day of the year has more than twice the business of the first.
func dayWeight(day time.Time, number int) int {
	weight := 100
	switch {
	case day.Weekday() == time.Saturday:
		weight = 65
	case !workday(day):
		weight = 42
	}
	if day.Month() == time.December && day.Day() > 9 {
		weight = weight * 145 / 100
	}
	return weight * (70 + 90*number/days)
}

// hourWeights say how busy each hour of a day is.
var hourWeights = []int{2, 1, 1, 0, 0, 1, 3, 9, 22, 42, 60, 66, 60, 54, 60, 66, 70, 70, 64, 58, 48, 34, 18, 6}

// choose returns the place of one of the weights.
func choose(r *rand.Rand, weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// between is a time span in whole microseconds.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return (from + time.Duration(r.Int64N(int64(to-from)))).Truncate(time.Microsecond)
}

// someTime is a moment of a day, when people are about.
func someTime(r *rand.Rand, day time.Time) time.Time {
	hour := choose(r, hourWeights)
	return day.Add(time.Duration(hour)*time.Hour + between(r, 0, time.Hour))
}

// paydays are the days of a year on which wages are paid: the 5th and the 20th, or the working day before.
func paydays(from, to time.Time) []payday {
	var out []payday
	for day := midnight(from).AddDate(0, 0, 1); day.AddDate(0, 0, 1).Before(to); day = day.AddDate(0, 0, 1) {
		if !workday(day) {
			continue
		}
		for due := day; due.Equal(day) || !workday(due); due = due.AddDate(0, 0, 1) {
			switch due.Day() {
			case 5:
				out = append(out, payday{day: day, month: due.AddDate(0, -1, 0)})
			case 20:
				out = append(out, payday{day: day, month: due, advance: true})
			}
		}
	}
	return slices.Clip(out)
}

// payday is a day on which wages are paid.
type payday struct {
	day     time.Time
	month   time.Time // that the wages are for
	advance bool      // on the 20th, for the month that runs
}
