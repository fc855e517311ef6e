package access_test

import (
	"errors"
	"strings"
	"testing"

	"flashpay/internal/access"
	"flashpay/internal/staff"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	u := &staff.User{Email: "aida.k@example.kg", Name: "Aida Kasymova"}
	for _, c := range []struct {
		password string
		want     error
	}{
		{"", access.ErrPasswordShort},
		{"ninechars", access.ErrPasswordShort},
		{"девятьзна", access.ErrPasswordShort},
		{"correct horse battery", nil},
		{"лошадь батарея скоба", nil},
		{"   spaces count   ", nil},
		{"zebrafishpie", nil},
		{strings.Repeat("ab1!", 50), nil},
		{strings.Repeat("ab1!", 50) + "x", access.ErrPasswordLong},
		{"qwertyuiop", access.ErrPasswordCommon},
		{"QwertyUiop", access.ErrPasswordCommon},
		{"1234567890", access.ErrPasswordCommon},
		{"password123", access.ErrPasswordCommon},
		{"Manchester2026!", access.ErrPasswordCommon},
		{"!!dragon!!2020", access.ErrPasswordCommon},
		{"пароль123456", access.ErrPasswordCommon},
		{"Кыргызстан2026", access.ErrPasswordCommon},
		{"aaaaaaaaaaaa", access.ErrPasswordCommon},
		{"121212121212", access.ErrPasswordCommon},
		{"abcdefghijklm", access.ErrPasswordCommon},
		{"98765432109", access.ErrPasswordCommon},
		{"Flashpay-forever", access.ErrPasswordPersonal},
		{"my-KASYMOVA-secret", access.ErrPasswordPersonal},
		{"xaida.k-secret", access.ErrPasswordPersonal},
	} {
		if err := access.CheckPassword(c.password, u); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.password, err, c.want)
		}
	}
	if err := access.CheckPassword("anna-lena-bo", &staff.User{Name: "Bo Li", Email: "bo@example.kg"}); err != nil {
		t.Errorf("a short name bars a password: %v", err)
	}
}
