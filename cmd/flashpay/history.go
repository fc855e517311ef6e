package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

type projectHistoryCmd struct {
	databaseFlag
	ID    int64 `required:"" placeholder:"N" help:"The project's number."`
	Limit int   `default:"20" placeholder:"N" help:"At most this many, newest first. Default: 20."`
	JSON  bool  `help:"Print JSON."`
}

// Help is shown by --help.
func (c *projectHistoryCmd) Help() string {
	return `Versions of the settings with what differs, pauses and blocks of the project and of its merchant, and secret keys that were
added and revoked.

  flashpay project history --database sqlite:flashpay.db --id 210`
}

// historyView is a line of a project's history: a version of its settings, or another act.
type historyView struct {
	Version int64               `json:"version,omitempty"`
	At      time.Time           `json:"at"`
	Actor   string              `json:"actor,omitempty"`   // absent: it was there before versions were kept
	Changes map[string][]string `json:"changes,omitempty"` // before and after, by setting
	Act     string              `json:"act,omitempty"`     // as the audit log names it: project pause, key add
	Detail  json.RawMessage     `json:"detail,omitempty"`

	differences []merchant.Difference
}

// Run lists the history.
func (c *projectHistoryCmd) Run(a *app) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return usagef("--limit=%d: want 1 to 1000", c.Limit)
	}
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		lines, err := c.versions(a, s)
		if err != nil {
			return err
		}
		acts, err := c.acts(a, s, p)
		if err != nil {
			return err
		}
		lines = append(lines, acts...)
		slices.SortStableFunc(lines, func(x, y historyView) int { return y.At.Compare(x.At) })
		lines = lines[:min(len(lines), c.Limit)]
		if c.JSON {
			return a.printJSON(lines)
		}
		for i := range lines {
			lines[i].print(a)
		}
		return nil
	})
}

// versions are those of the project's settings.
func (c *projectHistoryCmd) versions(a *app, s *store.Store) ([]historyView, error) {
	versions, err := s.ProjectVersions(a.ctx, c.ID, math.MaxInt64, c.Limit+1)
	if err != nil {
		return nil, err
	}
	lines := []historyView{}
	for i, v := range versions[:min(len(versions), c.Limit)] {
		before := &merchant.Project{}
		if i+1 < len(versions) {
			before = versions[i+1].Project
		}
		line := historyView{Version: v.Project.Version, At: v.At, Actor: v.Actor, Changes: map[string][]string{}, differences: merchant.Differences(before, v.Project)}
		for _, d := range line.differences {
			line.Changes[d.Key()] = []string{d.Before, d.After}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// acts are what else was done to the project, from the audit log. Payouts and funds are not part of it.
func (c *projectHistoryCmd) acts(a *app, s *store.Store, p *merchant.Project) ([]historyView, error) {
	var lines []historyView
	for object, acts := range map[string][]string{
		fmt.Sprintf("project %d", p.ID):          {"project block", "project unblock", "project pause", "project resume", "key add", "key revoke"},
		fmt.Sprintf("merchant %d", p.MerchantID): {"merchant block", "merchant unblock", "merchant pause", "merchant resume"},
	} {
		for _, act := range acts {
			found, err := s.AuditLog(a.ctx, store.AuditFilter{Object: object, Action: act, Limit: c.Limit})
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				line := historyView{At: f.At, Actor: f.Actor, Act: f.Action}
				if json.Valid([]byte(f.Detail)) {
					line.Detail = json.RawMessage(f.Detail)
				}
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

func (v *historyView) print(a *app) {
	what := fmt.Sprintf("Version %d", v.Version)
	if v.Act != "" {
		what = strings.ToUpper(v.Act[:1]) + v.Act[1:]
	}
	fmt.Fprintf(a.stdout, "%s, %s, by %s\n", what, v.At.Format(time.RFC3339), cmp.Or(v.Actor, "nobody known"))
	if v.Act == "" {
		printDifferences(a, v.differences)
		return
	}
	fmt.Fprint(a.stdout, detailText(v.Detail))
}

// detailText are an act's particulars, a line each; what is empty is left out.
func detailText(detail json.RawMessage) string {
	var members map[string]any
	if json.Unmarshal(detail, &members) != nil {
		return ""
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if value := fmt.Sprint(members[name]); value != "" {
			fmt.Fprintf(&text, "%s: %s\n", name, printable([]byte(value)))
		}
	}
	return text.String()
}
