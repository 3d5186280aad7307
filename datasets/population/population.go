// Package population makes a synthetic population for the demo and for tests: tables of cities
// about persons of whom nobody exists, drawn after a census. The same seed gives the same bytes on
// every machine. datasets/README.md, section 8, is its specification.
package population

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"parley/datasets/files"
)

// Format is a file format that the population is written in.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// Spec says which synthetic population to make.
type Spec struct {
	// Seed decides everything: the same spec gives the same bytes.
	Seed uint64
	// Persons over all cities, which share them evenly.
	Persons int
	// Cities are the departments, each with all tables about its own persons.
	// Names are 1 to 40 letters, digits, - and _.
	Cities []string
	// Format of the files; CSV when empty.
	Format Format
}

// CityFiles is what was written for one city.
type CityFiles struct {
	City string
	// Files by table name: register, tax, insurance, education, health.
	Files map[string]string
	// Rows by table name.
	Rows map[string]int64
}

// Limits of the synthetic population.
const (
	MaxPersons = 100_000_000
	MaxCities  = 64
)

// Tables lists the names of the tables that each city gets.
func Tables() []string {
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

var cityName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

func (spec Spec) check() error {
	switch {
	case spec.Persons < 1 || spec.Persons > MaxPersons:
		return &files.Error{Message: fmt.Sprintf("a population of %d persons; 1 to %d are possible", spec.Persons, MaxPersons)}
	case len(spec.Cities) < 1 || len(spec.Cities) > MaxCities:
		return &files.Error{Message: fmt.Sprintf("a population of %d cities; 1 to %d are possible", len(spec.Cities), MaxCities)}
	case spec.Persons < len(spec.Cities):
		return &files.Error{Message: "a population with more cities than persons"}
	case spec.Format != "" && spec.Format != CSV && spec.Format != Parquet:
		return &files.Error{Message: "the format " + fmt.Sprintf("%q", spec.Format) + " is not known", Hint: "csv or parquet"}
	}
	seen := map[string]bool{}
	for _, city := range spec.Cities {
		if !cityName.MatchString(city) || seen[city] {
			return &files.Error{Message: "the city name " + fmt.Sprintf("%q", city) + " is not possible",
				Hint: "names differ and are made of letters, digits, - and _"}
		}
		seen[city] = true
	}
	return nil
}

// Write writes a synthetic population to dir/<city>/<table>.csv or
// .parquet: five tables a city about the same persons under one person_id, with
// gaps (datasets/README.md, section 8). Nobody in it exists. It streams: memory does not grow
// with the number of persons; about 3 µs a person. Files appear under their
// names only when they are complete; they can be read by their owner only.
func Write(ctx context.Context, dir string, spec Spec) ([]CityFiles, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	var out []CityFiles
	for i, city := range spec.Cities {
		persons := spec.Persons / len(spec.Cities)
		if i < spec.Persons%len(spec.Cities) {
			persons++
		}
		files, err := writeCity(ctx, filepath.Join(dir, city), city, cityStream{seed: spec.Seed, city: i, persons: persons}, spec.Format)
		if err != nil {
			return nil, err
		}
		out = append(out, files)
	}
	return out, nil
}

// cityStream draws the persons of one city.
type cityStream struct {
	seed    uint64
	city    int
	persons int
}

// Identifiers begin with the city's number, so that persons of different cities
// never share one.
const idsOfCity = 1_000_000_000

// each visits the persons, household by household. The dice that it passes
// along draw what the tables add; blocks are independent of each other.
func (s cityStream) each(ctx context.Context, visit func(d dice, p *person) error) error {
	person, household := int64(s.city+1)*idsOfCity, int64(s.city+1)*idsOfCity
	left := s.persons
	for block := uint64(0); left > 0; block++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := newDice(s.seed, uint64(s.city)<<40|block)
		for _, members := range d.block(left) {
			household++
			d.settle(members, person+1, household)
			person += int64(len(members))
			left -= len(members)
			for _, p := range members {
				if err := visit(d, p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func writeCity(ctx context.Context, dir, city string, stream cityStream, format Format) (out CityFiles, err error) {
	if format == "" {
		format = CSV
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return out, &files.Error{File: dir, Message: "cannot be made", Err: cause(err)}
	}
	out = CityFiles{City: city, Files: map[string]string{}, Rows: map[string]int64{}}
	writers := make([]*tableWriter, len(tables))
	defer func() {
		for _, w := range writers {
			w.abandon() // nothing is left of files that were not finished
		}
	}()
	for i, t := range tables {
		out.Files[t.name] = filepath.Join(dir, t.name+"."+string(format))
		if writers[i], err = newTableWriter(out.Files[t.name], t.columns, format); err != nil {
			return out, err
		}
	}
	err = stream.each(ctx, func(d dice, p *person) error {
		for i, t := range tables {
			var failed error
			t.rows(d, city, p, func(values ...any) {
				if failed == nil {
					failed = writers[i].add(values)
				}
			})
			if failed != nil {
				return failed
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	for i, t := range tables {
		if err := writers[i].finish(); err != nil {
			return out, err
		}
		out.Rows[t.name] = writers[i].rows
	}
	return out, nil
}
