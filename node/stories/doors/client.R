# What a client in R can do at Parley's PostgreSQL door, with RPostgreSQL. Prints a line an ability: its name, yes or no,
# and a reason, with tabs between them. PARLEY_DOORS and PARLEY_WRONG_CA are as for client.py. The driver takes its TLS settings from libpq's environment.
suppressMessages(library(RPostgreSQL))
args <- commandArgs(FALSE)
here <- dirname(sub("--file=", "", args[grep("--file=", args)]))
plain <- function(path) paste(readLines(path, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
value <- function(json, name) {
  found <- regmatches(json, regexec(paste0('"', name, '": *"((?:[^"\\\\]|\\\\.)*)"'), json, perl = TRUE))[[1]][2]
  gsub('\\\\"', '"', found)
}
texts <- plain(file.path(here, "abilities.json"))
url <- gsub("\\\\u0026", "&", value(plain(Sys.getenv("PARLEY_DOORS")), "postgres"))
parts <- regmatches(url, regexec("^[a-z]+://([^:]*):([^@]*)@([^:/]*):([0-9]+)/([^?]*)\\??(.*)$", url))[[1]]
options <- list()
for (pair in strsplit(parts[7], "&")[[1]]) {
  at <- regexpr("=", pair)
  options[[substr(pair, 1, at - 1)]] <- URLdecode(substr(pair, at + 1, nchar(pair)))
}
open <- function(mode = "verify-full", root = options$sslrootcert, user = URLdecode(parts[2]), password = URLdecode(parts[3])) {
  Sys.setenv(PGSSLMODE = mode, PGSSLROOTCERT = root, PGOPTIONS = if (is.null(options$options)) "" else options$options)
  dbConnect(PostgreSQL(), user = user, password = password, host = parts[4], port = as.integer(parts[5]), dbname = parts[6])
}
report <- function(ability, run) {
  line <- tryCatch({ reason <- run(); paste("yes", if (is.character(reason)) reason else "", sep = "\t") },
    error = function(e) paste("no", gsub("\\s+", " ", conditionMessage(e)), sep = "\t"))
  cat(ability, "\t", line, "\n", sep = "")
}
refused <- function(run, words) {
  said <- tryCatch({ run(); "" }, error = function(e) conditionMessage(e))
  if (said == "") stop("connected")
  if (!any(vapply(words, grepl, TRUE, said, fixed = TRUE))) stop(said)
  NULL
}
c <- open()
report("connect", function() { stopifnot(dbGetQuery(c, "SELECT 1 AS one")$one == 1); NULL })
report("plain refused", function() refused(function() open("disable"), base::c("no encryption", "TLS", "SSL")))
report("TLS required", function() { dbDisconnect(open("require", "")); NULL })
report("TLS verified", function() { dbDisconnect(open()); NULL })
report("wrong CA", function() refused(function() open(root = Sys.getenv("PARLEY_WRONG_CA")), "certificate verify failed"))
report("wrong password", function() refused(function() open(user = "R", password = "no"), "password authentication failed"))
report("tables", function() { stopifnot("register" %in% dbListTables(c), dbExistsTable(c, "register")); NULL })
report("describe", function() { stopifnot("age" %in% dbListFields(c, "register")); NULL })
report("comments", function() { stopifnot(dbGetQuery(c, value(texts, "comment"))$comments > 0); NULL })
report("question", function() {
  r <- dbGetQuery(c, value(texts, "question"))
  stopifnot(is.logical(r$migrant), is.character(r$sex), is.numeric(r$persons), is.numeric(r$mean_age), all(is.na(r$nobody)))
  paste(sprintf("%s,%s,%d,%d,%.4f,-", ifelse(r$migrant, "t", "f"), r$sex, as.integer(r$persons), as.integer(r$people), r$mean_age), collapse = "; ")
})
report("types", function() {
  r <- dbGetQuery(c, value(texts, "literals"))
  stopifnot(inherits(r$day, "Date"), r$day == as.Date("2024-02-29"), isTRUE(r$yes), r$real == 0.1, is.na(r$nothing), inherits(r$moment, "POSIXct"))
  NULL
})
report("prepared", function() { # literals that the driver writes into the text
  r <- dbGetQuery(c, sub("{1}", "$1", value(texts, "relations"), fixed = TRUE), "parley")
  stopifnot("answers" %in% r$table_name)
  NULL
})
report("cursor", function() {
  s <- dbSendQuery(c, value(texts, "rows"))
  few <- fetch(s, 7)
  rest <- fetch(s, -1)
  dbClearResult(s)
  stopifnot(nrow(few) == 7, nrow(rest) > 0)
  NULL
})
report("explain", function() { stopifnot(nrow(dbGetQuery(c, paste("EXPLAIN", value(texts, "question")))) > 1); NULL })
report("transactions", function() { dbBegin(c); dbGetQuery(c, "SELECT 1"); dbCommit(c); NULL })
report("error position", function() { # the driver prints the error and gives nothing
  sink(stderr(), type = "message")
  r <- suppressWarnings(try(dbGetQuery(c, value(texts, "unknown")), silent = TRUE))
  said <- dbGetException(c)$errorMsg
  if (!grepl("LINE 1", said, fixed = TRUE)) stop(said)
  NULL
})
invisible(dbDisconnect(c))
