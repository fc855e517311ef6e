package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

type discrepancyCmd struct {
	List   discrepancyListCmd   `cmd:"" help:"List the open discrepancies, newest first, and what to do about each kind."`
	Show   discrepancyShowCmd   `cmd:"" help:"Show one, and what either decision on it would move."`
	Settle discrepancySettleCmd `cmd:"" help:"Settle one: record a decision and its reason, and move the funds that it concerns."`
}

type discrepancyListCmd struct {
	databaseFlag
	ID    *int64 `placeholder:"N" help:"Only those of one project; of 0, those whose payment is not known. Default: all."`
	Limit int    `default:"1000" placeholder:"1000" help:"At most as many, 1 to 100000. Default: 1000."`
	JSON  bool   `help:"Print one line of JSON for each."`
}

// Help is shown by --help.
func (c *discrepancyListCmd) Help() string {
	return `A discrepancy is what the bank's word and ours do not agree on, such as a payout that was paid after it had been declined at its
threshold. By itself it changes no status and no funds, and waits for a person: see ` + "`flashpay discrepancy show`" + ` and
` + "`flashpay discrepancy settle`" + `. Until then it stays in this list and in the metric flashpay_discrepancies_open.

  flashpay discrepancy list --database sqlite:flashpay.db
  flashpay discrepancy list --database sqlite:flashpay.db --id 210 --json`
}

// discrepancyWords say of a kind of discrepancy, to the people who run the platform, what it means, what to do, and what either
// decision states.
type discrepancyWords struct{ meaning, advice, bank, ours string }

const (
	itWasPaid    = "It was paid: the customer has the money."
	itWasNotPaid = "It was not paid: the customer does not have the money."
)

// discrepancyKinds has the words of product.md §3.5 and §3.6.
var discrepancyKinds = map[string]discrepancyWords{
	payout.LateSuccess: {
		"The bank paid, although the platform had declined the payout at its threshold (603) and told the merchant so. The sum is in the project's disputed balance until it is settled.",
		"Tell the merchant that it is paid after all, so that nobody pays it again under another payment id.",
		itWasPaid, itWasNotPaid,
	},
	payout.PaidAfterDecline: {
		"The bank says that it paid, although the payout had been declined, or settled, as not paid. Its sum is back in the project's available balance.",
		"Ask the bank, by the reference PROJECT/PAYMENT, whether the money left. If it did, tell the merchant that it is paid, so that nobody pays it again under another payment id; the project owes the sum.",
		itWasPaid, itWasNotPaid,
	},
	payout.DeclinedAfterSuccess: {
		"The bank says that it refused, although it had said that it paid, or had long given no answer. Status and balances stay as they are until it is settled.",
		"Ask the bank, by the reference PROJECT/PAYMENT, which of the two holds. If it did not pay, tell the merchant; before that is certain nobody may pay it again.",
		itWasNotPaid, itWasPaid,
	},
	payout.MoneyReturned: {
		"The bank reports that money came back, of a payout that was not paid as far as this platform knows, or once more after it had been reversed. Status and balances stay as they are until it is settled.",
		"Ask the bank, by the reference PROJECT/PAYMENT, what came back and when, and look for the sum on the platform's account at the bank. A sum that came back a second time is booked as a correction, in Dashboard.",
		"The money is on the platform's account.", "The money has not come back.",
	},
	payout.NoAnswer: {
		"The payout was declined at its threshold (603), and 30 days of inquiries have not brought out whether the bank paid. The sum is in the project's disputed balance until it is settled.",
		"Look for the reference PROJECT/PAYMENT in the bank's statements, or ask the bank. Nobody may pay it again before the bank says for certain that it did not pay.",
		itWasPaid + " The bank's statement shows it.", itWasNotPaid + " The bank's statement does not have it.",
	},
	payout.HoldDisputed: {
		"The payout was declined at its threshold (603), and the bank is still being inquired whether it paid. The sum is in the project's disputed balance.",
		"Let the inquiries go on, unless the bank's statement already says what happened. Nobody may pay it again before it is certain that it was not paid.",
		itWasPaid + " The bank's statement shows it.", itWasNotPaid + " The bank's statement does not have it.",
	},
	payout.Mismatch: {
		"The bank reports another sum, currency or account than the payout has; differs in the detail names which. That was not taken for a result: a payout that is not final goes on being inquired, until its threshold.",
		"Compare the bank's transfer with the payout, by the reference PROJECT/PAYMENT. Nobody may pay it again before it is certain what was paid, and to whom. Neither decision moves funds: a sum that was paid otherwise is booked as a correction, in Dashboard.",
		"The bank did what it reports.", "The bank's report is wrong.",
	},
	payout.UnknownKey: {
		"The bank reported on a transfer whose key this platform never made. No payment was touched.",
		"Look for the key, which is in the detail, in the bank's list of transfers. Either another installation uses the same account at the bank, or this database was restored from a backup older than the transfer: then the merchant should send the same request again, under the same payment id, which carries the same key and is not paid twice.",
		"The transfer is one of this platform's.", "The transfer is none of this platform's.",
	},
}

// wordsOf are a kind's words; a kind that a newer version has opened may have none here.
func wordsOf(kind string) discrepancyWords {
	if words, ok := discrepancyKinds[kind]; ok {
		return words
	}
	return discrepancyWords{
		"This version does not know this kind.", "See what the version that opened it says.", "What the bank says holds.", "What the bank says does not hold.",
	}
}

// settleThem says how an entry of the list ends.
const settleThem = "What either decision moves: flashpay discrepancy show ID. To decide: flashpay discrepancy settle ID --decision bank|ours --reason TEXT."

// discrepancyView is a discrepancy as the command line shows it.
type discrepancyView struct {
	ID        int64           `json:"id"`
	OpenedAt  time.Time       `json:"opened_at"`
	ProjectID int64           `json:"project_id"`           // 0 where the payment is not known
	PaymentID string          `json:"payment_id,omitempty"` // the merchant's
	Operation int64           `json:"operation,omitempty"`
	Kind      string          `json:"kind"`
	Detail    json.RawMessage `json:"detail"`
	Meaning   string          `json:"meaning"`
	Advice    string          `json:"advice"`
}

// Run lists the discrepancies.
func (c *discrepancyListCmd) Run(a *app) error {
	if c.Limit < 1 || c.Limit > 100_000 {
		return usagef("--limit=%d: want 1 to 100000", c.Limit)
	}
	return c.with(a, func(s *store.Store) error {
		if c.ID != nil && *c.ID != 0 {
			if _, ok := s.Project(*c.ID); !ok {
				return unknownProject(*c.ID)
			}
		}
		found, err := s.OpenDiscrepancies(a.ctx, c.ID, c.Limit+1)
		if err != nil {
			return err
		}
		if len(found) > c.Limit {
			found = found[:c.Limit]
			fmt.Fprintf(a.stderr, "flashpay: there are more: these are the newest %d, see --limit\n", c.Limit)
		}
		if c.JSON {
			return printDiscrepancyLines(a, found)
		}
		return printDiscrepancies(a, found)
	})
}

func printDiscrepancyLines(a *app, found []store.OpenDiscrepancy) error {
	for i := range found {
		d := &found[i]
		words := wordsOf(d.Kind)
		err := a.printJSON(discrepancyView{
			ID: d.ID, OpenedAt: d.OpenedAt, ProjectID: d.ProjectID, PaymentID: d.PaymentID, Operation: d.Operation, Kind: d.Kind,
			Detail: json.RawMessage(d.Detail), Meaning: words.meaning, Advice: words.advice,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// printDiscrepancies prints a table, and the words of each kind in it.
func printDiscrepancies(a *app, found []store.OpenDiscrepancy) error {
	if len(found) == 0 {
		fmt.Fprintln(a.stdout, "none")
		return nil
	}
	var kinds []string
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tOPENED\tPROJECT\tPAYMENT\tOPERATION\tKIND\tDETAIL")
	for i := range found {
		d := &found[i]
		project, payment, operation := "-", "not known", "-"
		if d.ProjectID != 0 {
			project, payment, operation = fmt.Sprint(d.ProjectID), d.PaymentID, fmt.Sprint(d.Operation)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.OpenedAt.Format(time.RFC3339), project, payment, operation, d.Kind, printable([]byte(d.Detail)))
		if !slices.Contains(kinds, d.Kind) {
			kinds = append(kinds, d.Kind)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, kind := range kinds {
		words := wordsOf(kind)
		fmt.Fprintf(a.stdout, "\n%s: %s\n  What to do: %s\n", kind, words.meaning, words.advice)
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s\n", settleThem)
	return err
}
