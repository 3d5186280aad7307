package engine

import "slices"

// Linkage says that the values of a column name persons whom other departments know too: they are placed on a spine, the list
// of persons that one department publishes (protocols/linkage/README.md). Tables of several departments may be joined by such
// columns. Two values are one person if their canonical ids are equal, which is also what the table's
// quality counts by. The zero Linkage: the department declares nothing.
type Linkage struct {
	_   struct{} `cbor:",toarray"`
	Key string   // the column, the only one of Quality.Key
	// Spine is the table whose keys the spine is of, and Department whose it is: the table that is registered itself, of a spine.
	Spine, Department string
}

// Declared reports whether anything is declared.
func (l Linkage) Declared() bool { return l != Linkage{} }

// IsSpine reports whether the table is the spine that its own keys are placed on.
func (r Registration) IsSpine() bool {
	return r.Linkage.Declared() && r.Linkage.Spine == r.Table && r.Linkage.Department == r.Department
}

// problem says what is wrong with a table's linkage, "" if nothing is.
func (l Linkage) problem(r Registration) string {
	if !l.Declared() {
		return ""
	}
	for _, name := range []string{l.Spine, l.Department} {
		if problem := nameProblem(name); problem != "" {
			return "the name " + quote(name) + " of a spine or its department " + problem
		}
	}
	at := columnByName(r.Columns, l.Key)
	switch {
	case at < 0 || len(r.Quality.Key) != 1 || r.Quality.Key[0] != l.Key:
		return "persons named by the column " + quote(l.Key) + ", which is not its declared key"
	case !namesPersons(r.Columns[at].Kind):
		return "persons named by the column " + quote(l.Key) + ", which is " + r.Columns[at].Kind.article()
	}
	return ""
}

// namesPersons reports whether values of a kind can name persons: they are texts, or whole numbers written as such.
func namesPersons(k Kind) bool { return k == Text || k == Integer || k == Null }

// sameLinkage reports whether a column names persons on one spine in all registrations.
func sameLinkage(regs []Registration, column string) bool {
	return !slices.ContainsFunc(regs, func(r Registration) bool { return r.Linkage.Key != column || r.Linkage != regs[0].Linkage })
}

// ofPersons reports whether a column names persons in all registrations of its table.
func (b *binder) ofPersons(column int) bool {
	c := b.plan.Join.Columns[column]
	return !slices.ContainsFunc(b.plan.Join.of(c.Table), func(r Registration) bool { return r.Linkage.Key != c.Name })
}

// oneKind refuses a column whose kind departments do not agree about: it says who is who, and nothing else.
func (b *binder) oneKind(column, position int) error {
	if !b.plan.Schema.Columns[column].Mixed {
		return nil
	}
	table, name := b.plan.source(column)
	var kinds [2]Kind
	var departments [2]string
	for _, r := range b.plan.Catalogue() {
		if r.Table != table {
			continue
		}
		kind := r.Columns[columnByName(r.Columns, name)].Kind
		switch {
		case kind == Null || kind == kinds[0] || kinds[1] != Null:
		case kinds[0] == Null:
			kinds[0], departments[0] = kind, r.Department
		default:
			kinds[1], departments[1] = kind, r.Department
		}
	}
	e := kindsDiffer(table, name, kinds, departments)
	e.Position = position
	return hinted(e, "it names persons, and joins tables across departments; for anything else they declare one type of it in node.toml")
}
