package published

import (
	"fmt"

	"parley/engine"
)

// Keys are what is counted of a table's declared key.
type Keys struct {
	Rows    int64 // of the table
	Keys    int64 // different ones
	Present int64 // of them, those with a value in each column of the key
	Equal   int64 // of these, those whose key another row has too
	Most    int64 // rows of one key
	Beyond  int64 // keys with more rows than a person may have
}

// Limit is what is declared of the rows of a table's key: so many at most have one value of it; 0: nothing is declared.
type Limit struct {
	Most int64
	// Persons: the key names a person in each row, so that none is without. Otherwise rows without a key are left out.
	Persons bool
}

// name is the setting that declares it.
func (l Limit) name() string {
	if l.Persons {
		return "rows_per_person"
	}
	return "rows_per_key"
}

// Add counts one more key, of so many rows, where a person may have as many as most.
func (k *Keys) Add(rows, most int64) {
	k.Keys, k.Present, k.Most = k.Keys+1, k.Present+rows, max(k.Most, rows)
	if rows > 1 {
		k.Equal += rows
	}
	if rows > most {
		k.Beyond++
	}
}

// Keep refuses a limit that the table does not keep. It tells how many rows and keys are in the way, and of nobody who.
func (k Keys) Keep(l Limit) error {
	switch without := k.Rows - k.Present; {
	case l.Most < 0 || l.Most > engine.MaxRowsPerPerson:
		return fmt.Errorf("%s is %d: it lies between 1 and %d", l.name(), l.Most, engine.MaxRowsPerPerson)
	case l.Most == 0:
		return nil
	case l.Persons && without > 0:
		return fmt.Errorf("%s without a value in the key: under rows_per_person each row is somebody's, and nothing tells whose; rows_per_key leaves such rows out, and protects no persons",
			engine.Plural(without, "row"))
	case k.Beyond > 0 || k.Most > l.Most:
		return fmt.Errorf("a key stands in %s, and %s is %d; keys that stand in more than that: %d", engine.Plural(k.Most, "row"), l.name(), l.Most, k.Beyond)
	}
	return nil
}
