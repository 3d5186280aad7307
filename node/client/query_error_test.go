package client

import (
	"testing"

	"parley/node/failure"
)

func TestQueryErrorAsItIsShown(t *testing.T) {
	f := failure.Of(&QueryError{Code: "accused", Sentence: "caught", Departments: []string{"north", "south"}})
	if f.Code != "accused" || f.Department != "north, south" {
		t.Errorf("%+v", f)
	}
}
