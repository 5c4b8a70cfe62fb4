/* The C interface of dspy: programs that language models run, from any language that can call C.
 *
 *     dspy_error error = {0};
 *     dspy_lm *lm = dspy_lm_open("llama:model.gguf", &error);
 *     dspy_program *program = dspy_program_predict("question -> answer", lm, &error);
 *     char *out = dspy_program_call(program, "{\"question\": \"2+2?\"}", NULL, &error);
 *     if (out == NULL) { fputs(error.message, stderr); dspy_error_clear(&error); }
 *     dspy_string_free(out);
 *
 * Values cross as JSON in UTF-8.  Handles are opaque; each is freed by its own function, which takes NULL too.
 * A function that returns a pointer returns NULL on failure, one that returns an `int` another value than 0; then `error`
 * says what went wrong, if it is not NULL.  It must be zeroed before its first use.
 *
 * Handles may be used from several threads at once, but not freed while another thread uses them.  No exception, and no
 * signal, leaves the library. */
#ifndef DSPY_H
#define DSPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define DSPY_API __declspec(dllexport)
#elif defined(__GNUC__)
#define DSPY_API __attribute__((visibility("default")))
#else
#define DSPY_API
#endif

/* The minor version is incremented when a function is added.  Existing ones keep their meaning within a major version. */
#define DSPY_ABI_MAJOR 1
#define DSPY_ABI_MINOR 0

typedef struct dspy_lm dspy_lm;
typedef struct dspy_program dspy_program;
typedef struct dspy_stop dspy_stop;

/* An error, by value.  `json` is the error as JSON with all its facts, or NULL; it is freed by `dspy_error_clear`, or when
 * the same struct receives another error. */
typedef struct dspy_error {
  int32_t code; /* 0: nothing; else a number from 1.  `kind` is its name, and stays the same in all versions. */
  char kind[32];
  char message[480]; /* May be truncated, never inside a character; complete in `json`. */
  char *json;
} dspy_error;

/* Allocates the memory for strings that the library returns.  `user` is passed back. */
typedef struct dspy_allocator {
  void *(*allocate)(size_t size, void *user);
  void (*release)(void *memory, void *user);
  void *user;
} dspy_allocator;

/* Runs `work(data)` on a thread of the host, now or later, once. */
typedef void (*dspy_execute)(void (*work)(void *data), void *data, void *user);

/* The version of the loaded library; a host compares its major version with that of this header. */
DSPY_API uint32_t dspy_abi_version(void); /* major * 65536 + minor */
DSPY_API const char *dspy_version(void);

/* Call it before anything else, and once: returns 0, or 1 if strings have already been returned. */
DSPY_API int dspy_set_allocator(const dspy_allocator *allocator);
/* Where `dspy_program_call_async` runs.  Unset: on threads of the library. */
DSPY_API void dspy_set_executor(dspy_execute execute, void *user);

DSPY_API void dspy_string_free(char *text);
DSPY_API void dspy_error_clear(dspy_error *error);

/* Language models: from a URI (`llama:model.gguf?temperature=0`, `openai/gpt-4o-mini`), or one that answers with texts
 * from a JSON list in turn, for tests. */
DSPY_API dspy_lm *dspy_lm_open(const char *uri, dspy_error *error);
DSPY_API dspy_lm *dspy_lm_scripted(const char *replies_json, dspy_error *error);
/* A request as JSON (docs/formats) in, the reply as JSON out. */
DSPY_API char *dspy_lm_complete(dspy_lm *lm, const char *request_json, dspy_stop *stop, dspy_error *error);
DSPY_API void dspy_lm_free(dspy_lm *lm);

/* Programs.  `lm` may be NULL: then the one named in a file, or the default, is used.  A program keeps its own reference.
 *
 * From a signature's notation; from the text of a saved program's file, of a flow in JSON or TOML, or from a file. */
DSPY_API dspy_program *dspy_program_predict(const char *notation, dspy_lm *lm, dspy_error *error);
DSPY_API dspy_program *dspy_program_chain_of_thought(const char *notation, dspy_lm *lm, dspy_error *error);
DSPY_API dspy_program *dspy_program_from_json(const char *text, dspy_lm *lm, dspy_error *error);
DSPY_API dspy_program *dspy_program_load(const char *path, dspy_lm *lm, dspy_error *error);
/* The text of the program's file. */
DSPY_API char *dspy_program_to_json(const dspy_program *program, dspy_error *error);
/* Applies the text of a file to the program: instructions, demonstrations, settings. */
DSPY_API int dspy_program_apply(dspy_program *program, const char *text, dspy_error *error);
DSPY_API dspy_program *dspy_program_clone(const dspy_program *program, dspy_error *error);
DSPY_API void dspy_program_free(dspy_program *program);

/* Inputs as a JSON object in; `{"outputs": {…}, "usage": {…}, "flags": […]}` out.  `stop` may be NULL. */
DSPY_API char *dspy_program_call(const dspy_program *program, const char *inputs_json, dspy_stop *stop,
                                 dspy_error *error);

/* Called with each piece of an output as it is written, on the calling thread.  `restart`: the earlier text of this
 * output was not its value.  Return 0 to continue; anything else ends the call with `cancelled`. */
typedef int (*dspy_on_piece)(const char *field, const char *text, size_t text_size, int done, int restart, void *user);
DSPY_API char *dspy_program_stream(const dspy_program *program, const char *inputs_json, dspy_on_piece on_piece,
                                   void *user, dspy_stop *stop, dspy_error *error);

/* Called once, on another thread, with the result (freed by `dspy_string_free`), or with NULL and the error, which is
 * valid only during the call.  The program may be freed earlier. */
typedef void (*dspy_on_result)(char *result_json, const dspy_error *error, void *user);
DSPY_API int dspy_program_call_async(const dspy_program *program, const char *inputs_json, dspy_on_result on_result,
                                     void *user, dspy_stop *stop, dspy_error *error);

/* Rows as a JSON list of objects in; a JSON list of `{"outputs", …}` or `{"error": {…}}` out, in the same order.
 * At most `concurrency` calls run at a time; 0 means 32. */
DSPY_API char *dspy_program_batch(const dspy_program *program, const char *rows_json, size_t concurrency,
                                  dspy_stop *stop, dspy_error *error);

/* A stop request ends all calls that were given this handle with `cancelled`.  It may come from any thread, once. */
DSPY_API dspy_stop *dspy_stop_new(void);
DSPY_API void dspy_stop_request(dspy_stop *stop);
DSPY_API void dspy_stop_free(dspy_stop *stop);

#ifdef __cplusplus
}
#endif

#endif
