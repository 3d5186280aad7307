package served

// Unlooked has each look at the table's content fail, until the function that it gives is called.
func (t *Table) Unlooked() (again func()) {
	version := t.source.version
	t.source.version = "SELECT 1 / 0"
	return func() { t.source.version = version }
}
