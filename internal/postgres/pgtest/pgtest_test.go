package pgtest_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres/pgtest"
)

func TestServer(t *testing.T) {
	pgtest.Need(t)
	s, err := pgtest.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateDatabase("jobs"); err != nil {
		t.Error(err)
	}
	first, err := s.PID()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	second, err := s.PID()
	if err != nil || second == first {
		t.Errorf("PID() = %d, %v after Resume; before Kill it was %d", second, err, first)
	}
	if err := s.CreateDatabase("jobs"); err == nil {
		t.Error("a database is gone after Kill and Resume")
	}
	socket := s.Socket()
	if _, err := os.Stat(socket); err != nil {
		t.Errorf("the socket: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after Close: %v, want none", err)
	}
}

func TestStartFails(t *testing.T) {
	pgtest.Need(t)
	if s, err := pgtest.Start(&pgtest.Options{Settings: []string{"no_such_setting = 1"}}); err == nil {
		s.Close()
		t.Error("Start succeeds with a setting that the server does not know")
	}
}
