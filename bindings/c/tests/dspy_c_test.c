/* The C interface, used as a C program uses it: C99, no warnings, every function. */
#include "dspy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(what)                                                     \
  do {                                                                  \
    if (!(what)) {                                                      \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
      ++failures;                                                       \
    }                                                                   \
  } while (0)

static size_t taken = 0, given_back = 0;

static void *take(size_t size, void *user) {
  ++*(size_t *)user;
  return malloc(size);
}

static void give_back(void *memory, void *user) {
  (void)user;
  ++given_back;
  free(memory);
}

struct pieces {
  char text[256];
  int count;
  int stop_at;
};

static int on_piece(const char *field, const char *text, size_t size, int done, int restart, void *user) {
  struct pieces *pieces = user;
  (void)done;
  CHECK(strcmp(field, "answer") == 0);
  if (restart) pieces->text[0] = '\0';
  CHECK(strlen(text) == size);
  strncat(pieces->text, text, sizeof pieces->text - strlen(pieces->text) - 1);
  return ++pieces->count == pieces->stop_at ? 1 : 0;
}

struct later {
  int calls;
  int failed;
  char result[512];
};

/* The executor of this test runs what it is given at once. */
static void at_once(void (*work)(void *), void *data, void *user) {
  ++*(int *)user;
  work(data);
}

static void on_result(char *result, const dspy_error *error, void *user) {
  struct later *later = user;
  ++later->calls;
  later->failed = error != NULL;
  if (result != NULL) {
    strncpy(later->result, result, sizeof later->result - 1);
    dspy_string_free(result);
  }
}

int main(void) {
  dspy_error error = {0};
  const dspy_allocator allocator = {take, give_back, &taken};
  CHECK(dspy_abi_version() >> 16 == DSPY_ABI_MAJOR);
  CHECK(strlen(dspy_version()) >= 5);
  CHECK(dspy_set_allocator(&allocator) == 0);

  /* A call. */
  dspy_lm *lm = dspy_lm_scripted(
      "[\"Answer: 4\", \"Answer: five\", \"Answer: 6\", \"Answer: 7\", \"Answer: 8\", \"Answer: nine\"]", &error);
  CHECK(lm != NULL);
  dspy_program *program = dspy_program_predict("question -> answer", lm, &error);
  CHECK(program != NULL);
  char *out = dspy_program_call(program, "{\"question\": \"2+2?\"}", NULL, &error);
  CHECK(out != NULL && strstr(out, "\"answer\":\"4\"") != NULL && strstr(out, "\"requests\":1") != NULL);
  dspy_string_free(out);
  CHECK(dspy_set_allocator(&allocator) == 1);

  /* Errors are values. */
  out = dspy_program_call(program, "{\"text\": \"?\"}", NULL, &error);
  CHECK(out == NULL && error.code != 0 && strcmp(error.kind, "bad_input") == 0);
  CHECK(strstr(error.message, "question") != NULL && error.json != NULL);
  dspy_error_clear(&error);
  CHECK(error.code == 0 && error.json == NULL);
  CHECK(dspy_program_call(program, "no JSON", NULL, &error) == NULL && strcmp(error.kind, "bad_input") == 0);
  CHECK(dspy_program_call(NULL, "{}", NULL, &error) == NULL && strcmp(error.kind, "invalid_parameter") == 0);
  CHECK(dspy_program_call(program, NULL, NULL, NULL) == NULL);
  CHECK(dspy_program_predict("no arrow", lm, &error) == NULL && strcmp(error.kind, "signature_error") == 0);
  CHECK(dspy_lm_open("nowhere:x", &error) == NULL && strcmp(error.kind, "config_error") == 0);
  dspy_error_clear(&error);

  /* Streams. */
  struct pieces pieces = {"", 0, 0};
  out = dspy_program_stream(program, "{\"question\": \"?\"}", on_piece, &pieces, NULL, &error);
  CHECK(out != NULL && strcmp(pieces.text, "five") == 0);
  dspy_string_free(out);

  /* A stop that was asked before ends the call. */
  dspy_stop *stop = dspy_stop_new();
  dspy_stop_request(stop);
  out = dspy_program_batch(program, "[{\"question\": \"?\"}]", 1, stop, &error);
  CHECK(out != NULL && strstr(out, "\"cancelled\"") != NULL);
  dspy_string_free(out);
  dspy_stop_free(stop);

  /* Batches keep their order, and a row that fails ends no other. */
  out = dspy_program_batch(program, "[{\"question\": \"a\"}, {\"text\": \"b\"}]", 1, NULL, &error);
  CHECK(out != NULL && strstr(out, "\"answer\":\"6\"") != NULL && strstr(out, "\"bad_input\"") != NULL);
  dspy_string_free(out);

  /* A call on the host's thread. */
  int runs = 0;
  struct later later = {0, 0, ""};
  dspy_set_executor(at_once, &runs);
  CHECK(dspy_program_call_async(program, "{\"question\": \"?\"}", on_result, &later, NULL, &error) == 0);
  CHECK(runs == 1 && later.calls == 1 && !later.failed && strstr(later.result, "\"7\"") != NULL);

  /* Through a file's text into another program. */
  char *text = dspy_program_to_json(program, &error);
  CHECK(text != NULL);
  dspy_program *copy = dspy_program_from_json(text, lm, &error);
  CHECK(copy != NULL);
  CHECK(dspy_program_apply(copy, text, &error) == 0);
  dspy_program *clone = dspy_program_clone(copy, &error);
  dspy_program_free(program);
  dspy_program_free(copy);
  out = dspy_program_call(clone, "{\"question\": \"?\"}", NULL, &error);
  CHECK(out != NULL && strstr(out, "\"8\"") != NULL);
  dspy_string_free(out);
  dspy_string_free(text);
  dspy_program_free(clone);

  /* A model alone. */
  out = dspy_lm_complete(lm, "{\"messages\": [{\"role\": \"user\", \"content\": \"9?\"}]}", NULL, &error);
  CHECK(out != NULL && strstr(out, "nine") != NULL);
  dspy_string_free(out);
  CHECK(dspy_lm_complete(lm, "{}", NULL, &error) == NULL && error.code != 0);
  dspy_error_clear(&error);
  dspy_lm_free(lm);

  /* A program of two steps, as data. */
  lm = dspy_lm_scripted("[\"Search query: teapots\", \"Answer: Stoke\"]", &error);
  program = dspy_program_from_json(
      "{\"inputs\": \"question\","
      " \"steps\": [{\"name\": \"query\", \"signature\": \"question -> search_query\"},"
      "             {\"name\": \"answer\", \"signature\": \"search_query, question -> answer\"}],"
      " \"outputs\": {\"answer\": \"answer.answer\"}}",
      lm, &error);
  if (program == NULL) fprintf(stderr, "%s\n", error.message);
  CHECK(program != NULL);
  out = dspy_program_call(program, "{\"question\": \"Where?\"}", NULL, &error);
  CHECK(out != NULL && strstr(out, "Stoke") != NULL);
  dspy_string_free(out);
  dspy_program_free(program);
  dspy_lm_free(lm);

  dspy_error_clear(&error);
  CHECK(taken == given_back);
  if (failures == 0) puts("dspy_c: all well");
  return failures == 0 ? 0 : 1;
}
