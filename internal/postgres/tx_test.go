package postgres

import "testing"

// transaction_timeout is set where the server knows it; another one would
// refuse every transaction.
func TestSettings(t *testing.T) {
	for version, want := range map[string]string{
		"":                             "",
		"9.6.24":                       "",
		"14.0":                         "",
		"15.8 (Debian 15.8-0+deb12u1)": "",
		"16rc1":                        "",
		"17.0":                         "300000",
		"18beta1":                      "300000",
		"170":                          "300000",
	} {
		if got := settings(version, writing)["transaction_timeout"]; got != want {
			t.Errorf("transaction_timeout = %q on %q, want %q", got, version, want)
		}
	}
	if got := settings("17.2", slowly)["transaction_timeout"]; got != "3600000" {
		t.Errorf("transaction_timeout = %q for what may take long, want an hour", got)
	}
	if set := settings("14.1", reading); set["lock_timeout"] == "" || set["statement_timeout"] == "" || set["idle_in_transaction_session_timeout"] == "" {
		t.Errorf("settings %v bound less than every server can", set)
	}
}
