package failure

import "parley/engine"

// Nearest is engine.Nearest, for those that know no engine: commands, flags and keys are near by
// the same rule as names in a question.
func Nearest(name string, known []string) string { return engine.Nearest(name, known) }
