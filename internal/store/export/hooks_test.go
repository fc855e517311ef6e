package export

// SetPage has an export read pages of so many rows.
func (x *Export) SetPage(rows int) { x.page = rows }
