package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"parley/engine"
)

// whenVariables are what a condition may read, and their types. README section 4.
var whenVariables = map[string]*cel.Type{
	"person": cel.StringType, "department": cel.StringType, "place": cel.StringType, "roles": cel.ListType(cel.StringType),
	"purpose": cel.StringType, "basis": cel.StringType,
	"table": cel.StringType, "holder": cel.StringType, "version": cel.IntType, "rows": cel.IntType,
	"contributors": cel.ListType(cel.StringType), "filters": cel.ListType(cel.StringType), "groups": cel.ListType(cel.StringType),
	"aggregates": cel.ListType(cel.StringType), "functions": cel.ListType(cel.StringType),
	"group_count": cel.IntType, "cell_count": cel.IntType,
	"year": cel.IntType, "month": cel.IntType, "day": cel.IntType, "weekday": cel.IntType, "hour": cel.IntType, "minute": cel.IntType,
}

// whenFunctions are the operations that a condition may hold, by cel-go's names of function and
// overload: all others are refused, those of later versions with them.
var whenFunctions = map[string][]string{
	"_?_:_": {"conditional"}, "_&&_": {"logical_and"}, "_||_": {"logical_or"}, "!_": {"logical_not"},
	"@not_strictly_false": {"not_strictly_false"}, // of the macros
	"_==_":                {"equals"}, "_!=_": {"not_equals"},
	"_<_": {"less_int64"}, "_<=_": {"less_equals_int64"}, "_>_": {"greater_int64"}, "_>=_": {"greater_equals_int64"},
	"_+_": {"add_int64"}, "_-_": {"subtract_int64"}, "-_": {"negate_int64"},
	"_*_": {"multiply_int64"}, "_/_": {"divide_int64"}, "_%_": {"modulo_int64"},
	"@in": {"in_list"}, "size": {"size_list", "list_size"},
	"contains": {"contains_string"}, "startsWith": {"starts_with_string"}, "endsWith": {"ends_with_string"},
}

var whenMacros = []string{"all", "exists", "exists_one"}

// environment is cel-go with nothing but what a condition may hold. It is made once.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	subset := env.NewLibrarySubset().AddIncludedMacros(whenMacros...)
	for name, overloads := range whenFunctions {
		f := env.NewFunction(name)
		for _, o := range overloads {
			f.Overloads = append(f.Overloads, &env.Overload{ID: o})
		}
		subset.AddIncludedFunctions(f)
	}
	options := []cel.EnvOption{cel.StdLib(cel.StdLibSubset(subset)), cel.HomogeneousAggregateLiterals(),
		cel.ParserExpressionSizeLimit(MaxWhenBytes), cel.ExpressionNodeLimit(MaxWhenNodes),
		cel.ParserRecursionLimit(MaxWhenDepth), cel.ParserErrorRecoveryLimit(1)}
	for name, t := range whenVariables {
		options = append(options, cel.Variable(name, t))
	}
	return cel.NewCustomEnv(options...)
})

// whenError is what is wrong with a condition.
type whenError struct{ message string }

func (e *whenError) Error() string { return "when: " + e.message }

// whereIn says where in a condition something stands.
func whereIn(at common.Location) string {
	if at.Line() > 1 {
		return fmt.Sprintf("line %d, character %d: ", at.Line(), at.Column()+1)
	}
	return fmt.Sprintf("character %d: ", at.Column()+1)
}

// compiled conditions, so that each is compiled once; all are forgotten when there are too many.
var compiled = struct {
	sync.Mutex
	known map[string]condition
}{known: map[string]condition{}}

// condition is one that may stand in a policy.
type condition struct {
	program cel.Program
	cost    uint64 // at worst
}

const maxCompiled = 4096

// compile reads a condition, or says why it is none.
func compile(text string) (condition, error) {
	compiled.Lock()
	defer compiled.Unlock()
	if p, ok := compiled.known[text]; ok {
		return p, nil
	}
	p, err := compileNew(text)
	if err != nil {
		return condition{}, err
	}
	if len(compiled.known) >= maxCompiled {
		clear(compiled.known)
	}
	compiled.known[text] = p
	return p, nil
}

func compileNew(text string) (condition, error) {
	e, err := environment()
	if err != nil {
		return condition{}, &whenError{message: err.Error()}
	}
	if len(text) > MaxWhenBytes {
		return condition{}, &whenError{message: fmt.Sprintf("a condition has %d bytes; at most %d are allowed", len(text), MaxWhenBytes)}
	}
	for _, r := range text {
		if r == '\n' || r == '\t' {
			continue
		}
		if err := validText("x"+string(r)+"x", 16); err != nil {
			return condition{}, &whenError{message: err.Error()}
		}
	}
	checked, issues := e.Compile(text)
	if err := issues.Err(); err != nil {
		out := &whenError{message: "it is not understood"}
		if list := issues.Errors(); len(list) > 0 {
			first, _, _ := strings.Cut(list[0].Message, "\n")
			out.message = whereIn(list[0].Location) + first
		}
		return condition{}, out
	}
	if checked.OutputType() != cel.BoolType {
		return condition{}, &whenError{message: "it is a " + checked.OutputType().String() + ", not true or false"}
	}
	if err := allowed(checked.NativeRep()); err != nil {
		return condition{}, err
	}
	cost, err := e.EstimateCost(checked, largest{})
	if err != nil || cost.Max > MaxWhenCost {
		return condition{}, &whenError{message: fmt.Sprintf("it may take %d steps; at most %d are allowed: go through fewer lists", cost.Max, MaxWhenCost)}
	}
	p, err := e.Program(checked, cel.CostLimit(MaxWhenCost))
	if err != nil {
		return condition{}, &whenError{message: err.Error()}
	}
	return condition{p, cost.Max}, nil
}

// allowed goes through a checked condition: every node, its type, and what it calls must be on the
// lists above, whatever cel-go's own library offers.
func allowed(a *ast.AST) error {
	bound := map[string]bool{}
	var refused error
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			c := e.AsComprehension()
			bound[c.IterVar()], bound[c.AccuVar()] = true, true
		}
	}))
	refuse := func(e ast.Expr, what string) {
		if refused == nil {
			refused = &whenError{whereIn(a.SourceInfo().GetStartLocation(e.ID())) + what + " cannot stand in a condition"}
		}
	}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.LiteralKind, ast.ListKind:
		case ast.ComprehensionKind:
			if e.AsComprehension().HasIterVar2() {
				refuse(e, "a loop of two variables")
			}
		case ast.IdentKind:
			if name := e.AsIdent(); whenVariables[name] == nil && !bound[name] {
				refuse(e, name)
			}
		case ast.CallKind:
			name := e.AsCall().FunctionName()
			ids := a.GetOverloadIDs(e.ID())
			if len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(whenFunctions[name], id) }) {
				refuse(e, name)
			}
		default:
			refuse(e, "this form")
		}
		if t := a.GetType(e.ID()); !plainType(t) {
			refuse(e, "a value of type "+t.String())
		}
	}))
	return refused
}

// plainType is of whole numbers, texts, truth, and lists of them.
func plainType(t *types.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.IntKind, types.StringKind:
		return t == types.BoolType || t == types.IntType || t == types.StringType // and no wrapper, which can be null
	case types.ListKind:
		return len(t.Parameters()) == 1 && plainType(t.Parameters()[0])
	}
	return false
}

// largest says how large a variable may be.
type largest struct{}

func (largest) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	size := uint64(engine.MaxNameBytes)
	if t := whenVariables[path[0]]; len(path) == 1 && t != nil && t.Kind() == types.ListKind {
		size = map[string]uint64{"contributors": maxContributors, "functions": maxFunctions, "roles": uint64(len(roleNames))}[path[0]]
		if size == 0 {
			size = engine.MaxColumns
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: size}
}

func (largest) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// How long a condition's lists are taken to be: more contributors than parameters allow, more
// functions than there are.
const maxContributors, maxFunctions = 256, 128

// met evaluates a condition. What cannot be computed, as a division by zero, is not met.
func met(when string, variables map[string]any) bool {
	p, err := compile(when)
	if err != nil {
		return false
	}
	out, _, err := p.program.Eval(variables)
	return err == nil && isTrue(out)
}

func isTrue(v ref.Val) bool {
	b, ok := v.(types.Bool)
	return ok && bool(b)
}

// variables are what a condition of one department's policy reads.
func (c *Context) variables(f *Facts, holder Contributor, zone int) map[string]any {
	t := time.Unix(c.Time+60*int64(zone), 0).UTC()
	contributors := make([]string, len(f.Contributors))
	for i, k := range f.Contributors {
		contributors[i] = k.Department
	}
	return map[string]any{
		"person": c.Asker.person().String(), "department": c.Asker.Department, "place": c.Asker.Place, "roles": c.Asker.Roles,
		"purpose": c.Purpose, "basis": c.Basis, "table": f.Table, "holder": holder.Department,
		"version": int64(holder.Version), "rows": holder.Rows, "contributors": contributors,
		"filters": f.columns(Filter), "groups": f.columns(Group), "aggregates": f.columns(Aggregate), "functions": f.Functions,
		"group_count": int64(f.Groups), "cell_count": int64(f.Cells),
		"year": int64(t.Year()), "month": int64(t.Month()), "day": int64(t.Day()), "weekday": int64(t.Weekday()+6)%7 + 1,
		"hour": int64(t.Hour()), "minute": int64(t.Minute()),
	}
}
