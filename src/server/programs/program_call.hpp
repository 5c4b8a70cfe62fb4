#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/signature/prediction.hpp"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

// One call of a served program, whichever endpoint asks for it.

namespace dspy::server {

/// What a body's `options` say, checked.
struct CallWishes {
  bool wants_trace = false;
};

/// Changes a copy of a program as `options` say: `model` (of the catalog), `adapter`, `temperature`, `max_tokens`,
/// `seed`, `demos`.  Throws `Error` (`bad_input`) that names the option.
CallWishes apply_wishes(const JsonObject& options, const Catalog& catalog, const ProgramsOptions& around,
                        const Caller& caller, Program& program);

/// A call that is ready to run.
struct ProgramCall {
  std::shared_ptr<const ServedProgram> served;
  Program program;
  JsonObject inputs;
  std::string trace_id;
  std::string experiment;
  std::string arm;
  std::shared_ptr<TraceLog> log;  ///< Where the caller wants to see the spans.
  std::stop_token stop;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::function<void()> on_run;  ///< Told when it is run; may be empty.
};

/// Who asks for what.
struct Asking {
  std::string program = {};
  Caller caller = {};
  std::string unit = {};  ///< Whom an experiment assigns.
  std::stop_token stop = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::shared_ptr<const TraceContext> remote_parent = {};
};

/// The request's `traceparent` and `tracestate`; null without them.
std::shared_ptr<const TraceContext> remote_parent_of(const HttpRequest& request);
/// Whom an experiment assigns: the user that `X-User` names, else the key, else the address.  The same at every
/// endpoint, so that all of a caller's calls have one arm.
std::string unit_of(const HttpRequest& request);
/// A call of `program`, as the request says who asks.
Asking asking_of(const HttpRequest& request, std::string program);

/// What is around the calls of a catalog.
struct ProgramContext {
  std::shared_ptr<const Catalog> catalog;
  ProgramsOptions options;
};

/// Whether the caller's key is for the program or model of that name.
bool may_use(const ProgramsOptions& options, const Caller& caller, std::string_view name);
/// Throws `HttpError` (403) if it is not.
void require_may_use(const ProgramsOptions& options, const Caller& caller, std::string_view name);

/// The arm, or the program itself, that answers.  Null if the name is unknown.
Splits::Chosen choose(const ProgramContext& context, const Asking& asking);
/// What tells of an exposure; empty where nothing is recorded.
std::function<void()> telling(const std::function<void(Exposure exposure)>& tell, const Splits::Chosen& chosen,
                              const Asking& asking, const std::string& trace_id);

/// Finds the program and makes a call of it ready.  Throws `Error`: 404 for a program that there is not, 403 for one
/// that the key may not use, `bad_input` for inputs that it does not take.
ProgramCall prepare(const ProgramContext& context, const Asking& asking, JsonObject inputs, const JsonObject& wishes);

/// The object that answers a call.
JsonObject answer_json(const ProgramCall& call, const Prediction& prediction, std::chrono::duration<double> time);

/// Runs it; the object that answers the call.
/// With `sink`, its pieces are held back by `pace` while the reader is behind.
Async<JsonObject> run_call(ProgramCall call, FieldSink sink, std::shared_ptr<dspy::Gate> pace = {});

/// The member of a body that must be an object; an empty one if it is absent.
JsonObject object_member(const JsonObject& body, std::string_view name, bool is_required);
/// Throws `Error` (`bad_input`) for unknown members; `prefix` goes before the name of the field.
void require_known(const JsonObject& object, std::initializer_list<std::string_view> names, std::string_view where,
                   std::string_view prefix = {});

/// Throws `HttpError`: 404 if the name is unknown, 403 if the caller may not use it.
std::shared_ptr<const ServedProgram> require_program(const ProgramContext& context, const Caller& caller,
                                                     const std::string& name);

}  // namespace dspy::server
