package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"flashpay/signature"
)

// DataConfig says where the Data API is and who asks.
type DataConfig struct {
	URL    string // address of the Data API, such as https://data.example
	Token  string // of an account, as My profile made it
	Secret string // the token's secret: it signs requests and answers

	// HTTPClient, Timeout, Attempts and Backoff are as in [Config]; the default
	// of Timeout is a minute: an account's requests over long intervals wait for
	// their turn.
	HTTPClient *http.Client
	Timeout    time.Duration
	Attempts   int
	Backoff    time.Duration
}

// Data reads operations from the Data API. It is safe for use by several
// goroutines at once.
type Data struct {
	client Client
	token  string
}

const (
	dataTimeout = time.Minute
	dataPage    = 1000 // operations of one answer
	dataAnswer  = 32 << 20
	dataTime    = "2006-01-02 15:04:05"
)

// NewData checks the configuration and returns a reader. It does not connect.
func NewData(cfg DataConfig) (*Data, error) {
	if cfg.Token == "" || cfg.Secret == "" {
		return nil, errors.New("client: Token or Secret is empty; My profile in Dashboard makes them")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = dataTimeout
	}
	c, err := New(Config{
		GateURL: cfg.URL, ProjectID: 1, Key: cfg.Secret, HTTPClient: cfg.HTTPClient,
		Timeout: cfg.Timeout, Attempts: cfg.Attempts, Backoff: cfg.Backoff,
	})
	if err != nil {
		return nil, fmt.Errorf("client: Data API: %w", err)
	}
	c.maxAnswer = dataAnswer
	return &Data{client: *c, token: cfg.Token}, nil
}

// OperationsQuery says which operations are read. What is left zero does not
// filter, but From and To, both of which are needed.
type OperationsQuery struct {
	From, To      time.Time // of the operations' last action, to the second, both among them
	ProjectIDs    []int64   // none: all that the account sees
	Statuses      []string  // such as "success", "decline"
	CustomerIDs   []string
	CustomerEmail string
	Fields        []string // wanted columns, such as "payment_id", "sum_initial.amount"; none: the required ones
}

// Row is an operation of the Data API: its columns by their names, those of
// objects with a dot, such as "sum_initial.amount". Values are as they came:
// sums in minor units, times in UTC as 2018-08-01T08:28:47+00:00, "" where there is none.
type Row map[string]string

// Time reads a column that holds a time; the zero time where it is empty.
func (r Row) Time(column string) (time.Time, error) {
	if r[column] == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, r[column])
}

// Operations reads the operations of an interval, in the order of their last
// action. It asks for page after page, waits where the API says so, repeats what
// gives no answer, and verifies each answer's signature. After an error there
// are no more rows.
//
// An interval that has passed gives each operation that had ended once. One that
// ends while it is read moves among the others: where that matters, ask for the
// final statuses alone, and for the others afterwards.
func (d *Data) Operations(ctx context.Context, q OperationsQuery) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if q.From.IsZero() || q.To.IsZero() || q.To.Before(q.From) {
			yield(nil, errors.New("client: operations: From and To are needed, in this order"))
			return
		}
		for offset := int64(0); ; {
			rows, err := d.page(ctx, &q, offset)
			if err != nil {
				yield(nil, fmt.Errorf("client: operations from offset %d: %w", offset, err))
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < dataPage {
				return
			}
			offset += int64(len(rows))
		}
	}
}

// page asks once.
func (d *Data) page(ctx context.Context, q *OperationsQuery, offset int64) ([]Row, error) {
	from, to := q.From.UTC().Format(dataTime), q.To.UTC().Format(dataTime)
	root := object{}.
		str("token", d.token).
		add("interval", signature.Obj(signature.Field("from", signature.Str(from)), signature.Field("to", signature.Str(to)))).
		str("tz", "UTC").
		add("limit", signature.Int(dataPage)).
		add("offset", signature.Int(offset)).
		str("customer_email", q.CustomerEmail)
	root = list(root, "project_id", q.ProjectIDs, signature.Int)
	root = list(root, "operation_status", q.Statuses, signature.Str)
	root = list(root, "customer_id", q.CustomerIDs, signature.Str)
	root = list(root, "fields", q.Fields, signature.Str)
	members := signature.Obj(root...)
	req, err := d.client.sign("/v1/operations/get", &members, "signature")
	if err != nil {
		return nil, err
	}
	var body []byte
	if _, err = d.client.post(ctx, req, func(b []byte) error {
		body = b
		return nil
	}); err != nil {
		return nil, err
	}
	v, _, err := verified(body, d.client.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("answer refused: %w", err)
	}
	all := v.Get("operations")
	if all == nil || all.Kind != signature.Array {
		return nil, errors.New("answer cannot be read: operations is no array")
	}
	rows := make([]Row, 0, len(all.Items))
	for i := range all.Items {
		row := make(Row)
		row.read("", &all.Items[i])
		rows = append(rows, row)
	}
	return rows, nil
}

// list adds an array, where it has elements.
func list[T any](o object, name string, elements []T, value func(T) signature.Value) object {
	if len(elements) == 0 {
		return o
	}
	values := make([]signature.Value, 0, len(elements))
	for _, e := range elements {
		values = append(values, value(e))
	}
	return o.add(name, signature.Arr(values...))
}

func (r Row) read(name string, v *signature.Value) {
	if v.Kind != signature.Object {
		r[name] = v.Text
		return
	}
	for i := range v.Members {
		r.read(strings.TrimPrefix(name+"."+v.Members[i].Name, "."), &v.Members[i].Value)
	}
}
