package failure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/datasets/files"
	"parley/engine"
)

func TestFailureShowsThePlace(t *testing.T) {
	f := &Failure{Code: "column", Message: `no column "工"`, Hint: `did you mean "工资"?`, Position: 19,
		SQL: "SELECT a,\n  '南京', 工 FROM t"}
	var out bytes.Buffer
	f.Write(&out)
	want := strings.Join([]string{
		`parley: no column "工"`,
		`    '南京', 工 FROM t`,
		`            ^`,
		`  hint: did you mean "工资"?`,
		``,
	}, "\n")
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	(&Failure{Message: "不允许", Hint: "申请", Hinted: "提示："}).Write(&out)
	if got := out.String(); got != "parley: 不允许\n  提示：申请\n" {
		t.Errorf("got %q", got)
	}
}

func TestSnippetOfALongLine(t *testing.T) {
	sql := "SELECT " + strings.Repeat("a + ", 200) + "b FROM t"
	position := strings.IndexByte(sql, 'b') + 1
	lines := snippet(sql, position)
	if len(lines) != 2 || len(lines[0]) > maxSnippetLength || lines[0][len(lines[1])-1] != 'b' {
		t.Errorf("got %q", lines)
	}
	for _, position := range []int{-1, 0, len(sql) + 2} {
		if lines := snippet(sql, position); lines != nil {
			t.Errorf("position %d gives %q", position, lines)
		}
	}
	if lines := snippet("SELECT", 7); len(lines) != 2 || lines[1] != "      ^" {
		t.Errorf("the end of the text gives %q", lines)
	}
}

func TestErrorsOfOtherPackagesKeepTheirPlace(t *testing.T) {
	f := Of(fmt.Errorf("wrapped: %w", &engine.Error{Code: "column", Position: 8, Message: "no", Hint: "yes"}))
	if f.Code != "column" || f.Position != 8 || f.Message != "no" || f.Hint != "yes" || f.ExitStatus() != StatusRefused {
		t.Errorf("engine: %+v", f)
	}
	f = Of(&files.Error{File: "a.csv", Line: 3, Column: 4, Field: "age", Message: "bad", Hint: "mend"})
	if f.File != "a.csv" || f.Line != 3 || f.Column != "age" || f.Hint != "mend" || f.Error() != `a.csv:3: column "age": bad` {
		t.Errorf("datasets: %+v, %s", f, f)
	}
	cause := errors.New("disk")
	f = Of(fmt.Errorf("wrapped: %w", knowing{cause}))
	if f.Code != "accused" || f.Department != "north, south" || !errors.Is(f, cause) {
		t.Errorf("one that knows its own shape: %+v", f)
	}
	if f = Of(context.Canceled); f.Code != "interrupted" {
		t.Errorf("cancelled: %+v", f)
	}
	if f = Of(fmt.Errorf("x: %w", cause)); f.Code != "failed" || !errors.Is(f, cause) {
		t.Errorf("other: %+v", f)
	}
}

// knowing is an error of a package above, which says itself how it is shown.
type knowing struct{ error }

func (k knowing) Unwrap() error { return k.error }

func (k knowing) Failure() *Failure {
	return &Failure{Code: "accused", Message: "caught", Department: "north, south"}
}
