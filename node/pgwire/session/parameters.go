package session

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/engine"
)

// slotKind is the kind of value that a question takes in a place; Null is not known.
type slotKind engine.Kind

// infer finds where parameters stand in a question and what each of them is: what the client declared, or what it is compared with.
func (q *question) infer(src source, node *pg.Node, shown engine.Catalogue, declared []uint32) error {
	in := inference{columns: map[string]engine.Kind{}, found: map[int32]engine.Kind{}}
	for _, r := range asksOf(node, shown) {
		for _, c := range r.Columns {
			in.column(c)
		}
	}
	in.lists = map[int32]bool{}
	in.walk(node.ProtoReflect())
	tokens, err := q.src.bounded()
	if err != nil {
		return err
	}
	cut := int32(strings.Index(src.sql, q.src.sql)) // trimmed of white space alone
	count := len(declared)
	for _, t := range tokens {
		if t.Token != pg.Token_PARAM {
			continue
		}
		number := 0
		for _, digit := range q.src.sql[t.Start+1 : t.End] {
			if number = number*10 + int(digit-'0'); number > MaxParameters {
				return at(refuse("54000", "a statement has at most %d parameters", MaxParameters), q.src.at(t.Start))
			}
		}
		if number == 0 {
			return at(refuse("42P02", "there is no parameter $0"), q.src.at(t.Start))
		}
		q.slots = append(q.slots, slot{number: number, from: t.Start, to: t.End, kind: slotKind(in.found[t.Start+cut]), list: in.lists[t.Start+cut]})
		count = max(count, number)
	}
	q.types = make([]uint32, count)
	copy(q.types, declared)
	for _, slot := range q.slots { // the first place of a parameter that says what it is
		if i := slot.number - 1; (q.types[i] == 0 || q.types[i] == oidUnknown) && slot.kind != 0 {
			q.types[i] = oidOf(engine.Kind(slot.kind))
			if slot.list {
				q.types[i] = arrays[q.types[i]]
			}
		}
	}
	for i := range q.types {
		if q.types[i] == 0 || q.types[i] == oidUnknown {
			q.types[i] = oidText
		}
	}
	for i := range q.slots { // a place that does not say takes what the client declared, or what another place of the parameter says
		if slot := &q.slots[i]; slot.kind == 0 {
			slot.kind = slotKind(kindOf(q.types[slot.number-1]))
		}
	}
	return nil
}

// kindOf is the kind of a declared type.
func kindOf(oid uint32) engine.Kind {
	switch oid {
	case oidInt2, oidInt4, oidInt8, oidOID:
		return engine.Integer
	case oidNumeric, oidFloat4, oidFloat8:
		return engine.Decimal
	case oidBool:
		return engine.Boolean
	case oidDate:
		return engine.Date
	case oidTimestamp:
		return engine.Timestamp
	case oidTimestampTZ:
		return engine.TimestampTZ
	case oidTime:
		return engine.Time
	}
	return engine.Text
}

// inference finds kinds by what stands beside each other. What it does not know is text, which takes every value in its own spelling.
type inference struct {
	columns map[string]engine.Kind // by folded name; Null where tables differ
	found   map[int32]engine.Kind  // of parameters, by their byte
	lists   map[int32]bool         // of parameters that are lists of such values
}

func (in *inference) column(c engine.Column) {
	name := strings.ToLower(c.Name)
	kind, known := in.columns[name]
	switch {
	case !known || kind == c.Kind || kind == engine.Null:
		in.columns[name] = c.Kind
	case kind == engine.Integer && c.Kind == engine.Decimal:
		in.columns[name] = c.Kind
	case kind == engine.Decimal && c.Kind == engine.Integer, c.Kind == engine.Null:
	default:
		in.columns[name] = engine.Text
	}
}

// walk visits a tree; its depth is that of the tree.
func (in *inference) walk(m protoreflect.Message) {
	switch n := m.Interface().(type) {
	case *pg.A_Expr:
		in.beside(n)
	case *pg.TypeCast:
		in.take(n.Arg, typeKind(n.TypeName))
	case *pg.SelectStmt:
		in.take(n.LimitCount, engine.Integer)
		in.take(n.LimitOffset, engine.Integer)
	case *pg.CaseExpr:
		in.alternatives(n)
	case *pg.CoalesceExpr:
		in.alike(n.Args)
	case *pg.FuncCall:
		if kind := argumentKind(functionName(n)); kind != engine.Null {
			for _, a := range n.Args {
				in.take(a, kind)
			}
		}
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range v.List().Len() {
				in.walk(v.List().Get(i).Message())
			}
		default:
			in.walk(v.Message())
		}
		return true
	})
}

// beside gives the parameters on one side of an operator the kind of the other.
func (in *inference) beside(e *pg.A_Expr) {
	sides := append([]*pg.Node{e.Lexpr}, members(e.Rexpr)...)
	if e.Kind == pg.A_Expr_Kind_AEXPR_LIKE || e.Kind == pg.A_Expr_Kind_AEXPR_ILIKE || e.Kind == pg.A_Expr_Kind_AEXPR_SIMILAR {
		for _, side := range sides {
			in.take(side, engine.Text)
		}
		return
	}
	if p := e.Rexpr.GetParamRef(); p != nil && (e.Kind == pg.A_Expr_Kind_AEXPR_OP_ANY || e.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL) {
		in.lists[p.Location] = true
	}
	in.alike(sides)
}

// arrays are the types of lists of a type's values.
var arrays = map[uint32]uint32{oidBool: 1000, oidInt8: 1016, oidText: 1009, oidNumeric: 1231, oidDate: 1182, oidTimestamp: 1115, oidTimestampTZ: 1185, oidTime: 1183, oidFloat8: 1022}

func members(n *pg.Node) []*pg.Node {
	if list := n.GetList(); list != nil {
		return list.Items
	}
	return []*pg.Node{n}
}

// alike gives parameters among expressions of one kind the kind of the first that has one.
func (in *inference) alike(nodes []*pg.Node) {
	kind := engine.Null
	for _, n := range nodes {
		if kind = in.kind(n, 0); kind != engine.Null {
			break
		}
	}
	for _, n := range nodes {
		in.take(n, kind)
	}
}

// alternatives are a CASE's: its results are of one kind, and so are what it compares.
func (in *inference) alternatives(c *pg.CaseExpr) {
	results, compared := []*pg.Node{c.Defresult}, []*pg.Node{c.Arg}
	for _, w := range c.Args {
		when := w.GetCaseWhen()
		results = append(results, when.GetResult())
		if c.Arg != nil {
			compared = append(compared, when.GetExpr())
		}
	}
	in.alike(results)
	in.alike(compared)
}

// take says what a node is, if it is a parameter that nothing was said of yet.
func (in *inference) take(n *pg.Node, kind engine.Kind) {
	p := n.GetParamRef()
	if p == nil || kind == engine.Null {
		return
	}
	if _, said := in.found[p.Location]; !said {
		in.found[p.Location] = kind
	}
}

// kindDepth bounds how far an expression is looked into.
const kindDepth = 32

// kind is an expression's; Null where it is not known.
func (in *inference) kind(n *pg.Node, depth int) engine.Kind {
	if n == nil || depth > kindDepth {
		return engine.Null
	}
	switch e := n.Node.(type) {
	case *pg.Node_ColumnRef:
		fields := e.ColumnRef.Fields
		if len(fields) == 0 {
			return engine.Null
		}
		return in.columns[strings.ToLower(fields[len(fields)-1].GetString_().GetSval())]
	case *pg.Node_AConst:
		switch e.AConst.Val.(type) {
		case *pg.A_Const_Ival:
			return engine.Integer
		case *pg.A_Const_Fval:
			return engine.Decimal
		case *pg.A_Const_Boolval:
			return engine.Boolean
		}
		return engine.Null // a text in quotes takes the kind of what is beside it
	case *pg.Node_TypeCast:
		return typeKind(e.TypeCast.TypeName)
	case *pg.Node_FuncCall:
		return in.functionKind(e.FuncCall, depth)
	case *pg.Node_CoalesceExpr:
		return in.firstKind(e.CoalesceExpr.Args, depth)
	case *pg.Node_CaseExpr:
		nodes := []*pg.Node{e.CaseExpr.Defresult}
		for _, w := range e.CaseExpr.Args {
			nodes = append(nodes, w.GetCaseWhen().GetResult())
		}
		return in.firstKind(nodes, depth)
	case *pg.Node_AExpr:
		return in.operatorKind(e.AExpr, depth)
	case *pg.Node_BoolExpr, *pg.Node_NullTest, *pg.Node_BooleanTest:
		return engine.Boolean
	}
	return engine.Null
}

func (in *inference) firstKind(nodes []*pg.Node, depth int) engine.Kind {
	for _, n := range nodes {
		if kind := in.kind(n, depth+1); kind != engine.Null {
			return kind
		}
	}
	return engine.Null
}

func (in *inference) operatorKind(e *pg.A_Expr, depth int) engine.Kind {
	operator := ""
	if len(e.Name) > 0 {
		operator = e.Name[len(e.Name)-1].GetString_().GetSval()
	}
	switch operator {
	case "+", "-", "*", "/", "%":
		left, right := in.kind(e.Lexpr, depth+1), in.kind(e.Rexpr, depth+1)
		switch {
		case operator == "-" && left == engine.Date && right == engine.Date:
			return engine.Integer
		case left == engine.Null, left == engine.Integer && right == engine.Decimal:
			return right
		}
		return left
	case "||":
		return engine.Text
	}
	return engine.Boolean
}

func functionName(f *pg.FuncCall) string {
	if len(f.Funcname) == 0 {
		return ""
	}
	return strings.ToLower(f.Funcname[len(f.Funcname)-1].GetString_().GetSval())
}

func (in *inference) functionKind(f *pg.FuncCall, depth int) engine.Kind {
	switch functionName(f) {
	case "count", "length", "char_length", "character_length":
		return engine.Integer
	case "sum", "avg", "stddev", "variance", "stddev_samp", "stddev_pop", "var_samp", "var_pop", "extract", "round":
		return engine.Decimal
	case "lower", "upper", "substr", "substring", "btrim", "ltrim", "rtrim", "left", "right", "concat", "replace":
		return engine.Text
	}
	if len(f.Args) > 0 {
		return in.kind(f.Args[0], depth+1) // min, max, abs, date_trunc's is a text that says nothing
	}
	return engine.Null
}

// argumentKind is what a function takes in all of its places; Null where they differ.
func argumentKind(name string) engine.Kind {
	switch name {
	case "lower", "upper", "btrim", "ltrim", "rtrim":
		return engine.Text
	}
	return engine.Null
}

// typeKind is the kind of a type that is named.
func typeKind(t *pg.TypeName) engine.Kind {
	if t == nil || len(t.Names) == 0 || len(t.ArrayBounds) > 0 {
		return engine.Null
	}
	switch strings.ToLower(t.Names[len(t.Names)-1].GetString_().GetSval()) {
	case "int2", "int4", "int8", "smallint", "integer", "bigint":
		return engine.Integer
	case "numeric", "decimal", "float4", "float8":
		return engine.Decimal
	case "text", "varchar", "bpchar", "char", "name":
		return engine.Text
	case "bool", "boolean":
		return engine.Boolean
	case "date":
		return engine.Date
	case "timestamp":
		return engine.Timestamp
	case "timestamptz":
		return engine.TimestampTZ
	case "time":
		return engine.Time
	}
	return engine.Null
}
