/* Programs as functions of SQLite:
 *
 *     .load build/release/lib/dspy_sqlite
 *     SELECT dspy_open('triage', 'ticket -> urgent: bool', 'llama:model.gguf');
 *     SELECT id, json_extract(dspy_run('triage', json_object('ticket', body)), '$.outputs.urgent') FROM tickets;
 *
 * `dspy_open(name, program, lm)`: the program is a signature's notation (it has `->`) or the path of a file; the LM is a
 * URI, or NULL where the file names one.  A name can be opened anew.  Programs belong to the connection. */
#include "dspy.h"

#include <sqlite3ext.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT1

struct entry {
  char *name;
  dspy_program *program;
  struct entry *next;
};

/* A connection's programs; a connection is used by one thread at a time. */
struct programs {
  struct entry *first;
  int users; /* functions that hold it */
};

static void release(void *data) {
  struct programs *programs = data;
  if (--programs->users > 0) return;
  while (programs->first != NULL) {
    struct entry *entry = programs->first;
    programs->first = entry->next;
    dspy_program_free(entry->program);
    free(entry->name);
    free(entry);
  }
  free(programs);
}

static void fail(sqlite3_context *context, dspy_error *error) {
  char *text = sqlite3_mprintf("%s: %s", error->kind, error->message);
  sqlite3_result_error(context, text != NULL ? text : "out of memory", -1);
  sqlite3_free(text);
  dspy_error_clear(error);
}

static struct entry *find(struct programs *programs, const char *name) {
  struct entry *entry = programs->first;
  while (entry != NULL && strcmp(entry->name, name) != 0) entry = entry->next;
  return entry;
}

static void open_program(sqlite3_context *context, int count, sqlite3_value **values) {
  struct programs *programs = sqlite3_user_data(context);
  const char *name = (const char *)sqlite3_value_text(values[0]);
  const char *what = (const char *)sqlite3_value_text(values[1]);
  const char *uri = count > 2 ? (const char *)sqlite3_value_text(values[2]) : NULL;
  dspy_error error = {0};
  dspy_lm *lm = NULL;
  dspy_program *program = NULL;
  struct entry *entry = NULL;
  if (name == NULL || what == NULL) {
    sqlite3_result_error(context, "dspy_open takes a name, a program, and a model's URI", -1);
    return;
  }
  if (uri != NULL) {
    lm = uri[0] == '[' ? dspy_lm_scripted(uri, &error) : dspy_lm_open(uri, &error);
    if (lm == NULL) {
      fail(context, &error);
      return;
    }
  }
  program = strstr(what, "->") != NULL ? dspy_program_predict(what, lm, &error) : dspy_program_load(what, lm, &error);
  dspy_lm_free(lm);
  if (program == NULL) {
    fail(context, &error);
    return;
  }
  entry = find(programs, name);
  if (entry == NULL) {
    entry = calloc(1, sizeof *entry);
    if (entry != NULL) entry->name = malloc(strlen(name) + 1);
    if (entry == NULL || entry->name == NULL) {
      free(entry);
      dspy_program_free(program);
      sqlite3_result_error_nomem(context);
      return;
    }
    strcpy(entry->name, name);
    entry->next = programs->first;
    programs->first = entry;
  }
  dspy_program_free(entry->program);
  entry->program = program;
  sqlite3_result_value(context, values[0]);
}

static void run_program(sqlite3_context *context, int count, sqlite3_value **values) {
  struct programs *programs = sqlite3_user_data(context);
  const char *name = (const char *)sqlite3_value_text(values[0]);
  const char *inputs = (const char *)sqlite3_value_text(values[1]);
  struct entry *entry = name != NULL ? find(programs, name) : NULL;
  dspy_error error = {0};
  char *out = NULL;
  (void)count;
  if (entry == NULL) {
    char *text = sqlite3_mprintf("no program is called `%s`; open it first: SELECT dspy_open(name, program, lm)", name);
    sqlite3_result_error(context, text != NULL ? text : "out of memory", -1);
    sqlite3_free(text);
    return;
  }
  if (inputs == NULL) { /* of NULL comes NULL, as with functions of SQL */
    sqlite3_result_null(context);
    return;
  }
  out = dspy_program_call(entry->program, inputs, NULL, &error);
  if (out == NULL) {
    fail(context, &error);
    return;
  }
  sqlite3_result_text(context, out, -1, SQLITE_TRANSIENT);
  dspy_string_free(out);
}

DSPY_API int sqlite3_dspysqlite_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
  const int open_flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
  struct programs *programs = calloc(1, sizeof *programs);
  int result = SQLITE_OK;
  SQLITE_EXTENSION_INIT2(api);
  (void)message;
  if (programs == NULL) return SQLITE_NOMEM;
  programs->users = 1; /* this function, until it is done */
  ++programs->users;
  result = sqlite3_create_function_v2(db, "dspy_open", 2, open_flags, programs, open_program, NULL, NULL, release);
  if (result == SQLITE_OK) {
    ++programs->users;
    result = sqlite3_create_function_v2(db, "dspy_open", 3, open_flags, programs, open_program, NULL, NULL, release);
  }
  if (result == SQLITE_OK) {
    ++programs->users;
    result = sqlite3_create_function_v2(db, "dspy_run", 2, open_flags, programs, run_program, NULL, NULL, release);
  }
  release(programs);
  return result;
}
