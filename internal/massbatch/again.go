package massbatch

import (
	"context"
	"io"
	"strconv"
	"strings"

	"flashpay/internal/accept"
	"flashpay/internal/csvfile"
	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
	"flashpay/internal/store/batches"
)

// Declined writes the rows of a batch that were declined or refused as a file of their own, to be uploaded again. Each has a new
// payment id, the same whenever it is asked for: a file that is made and sent twice pays once. advise says an advice in the
// reader's language; nil: it is English.
func (s *Service) Declined(ctx context.Context, id int64, to io.Writer, advise func(string) string) error {
	if advise == nil {
		advise = func(english string) string { return english }
	}
	return s.rewrite(ctx, id, func(_ *batches.Batch, reader *masspayout.Reader) (rewriter, error) {
		w, err := csvfile.NewWriter(to, reader.Separator())
		if err != nil {
			return rewriter{}, err
		}
		// The two columns of a faults' download have the reader undo what keeps a spreadsheet from running cells.
		added := []int{reader.Column("error"), reader.Column("advice")}
		write := func(cells []string, why, advice string) error {
			for i, cell := range cells {
				if i != added[0] && i != added[1] {
					w.Cell(cell)
				}
			}
			w.Cell(why)
			w.Cell(advice)
			return w.End()
		}
		ids := reader.Column(accept.PathPaymentID)
		row := func(row masspayout.Row, kept *batches.Row) error {
			code, why := kept.Code, kept.Message
			switch {
			case kept.State == batches.Made && kept.Status == payout.Decline:
				code, why = kept.Final, payout.Message(kept.Final)
			case kept.State != batches.Refused:
				return nil
			}
			if code != 0 {
				why = strconv.Itoa(code) + " " + why
			}
			cells := reader.Cells(row)
			before := cells[ids]
			cells[ids] = NextID(before)
			return write(cells, why, advise("It was declined as "+before+"."))
		}
		return rewriter{row, w.Flush}, write(reader.Names(), "error", "advice")
	})
}

// again stands between a payment id and which try it is.
const again = "~"

// longestID is how many characters a payment id may have.
const longestID = 255

// NextID is the id under which a payout that was declined is tried again.
func NextID(id string) string {
	next := 2
	if i := strings.LastIndex(id, again); i > 0 {
		if n, err := strconv.Atoi(id[i+len(again):]); err == nil && n >= 2 && n < 1_000_000 {
			id, next = id[:i], n+1
		}
	}
	end := again + strconv.Itoa(next)
	if letters := []rune(id); len(letters) > longestID-len(end) {
		id = string(letters[:longestID-len(end)])
	}
	return id + end
}
