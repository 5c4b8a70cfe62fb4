#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

class Tools;

/// A function of ours that code may call by its name.
struct HostFunction {
  std::string name = {};
  std::vector<std::string> parameters = {};  ///< Names, in the order of positional arguments.
  std::string description = {};
  /// What it throws is raised inside as `ToolError`; only `cancelled`, `deadline_exceeded` and
  /// `token_budget_exhausted` end the execution.
  std::function<Async<Json>(JsonObject arguments)> call = {};
};

/// Tools as functions: names as Python can say them (`_` for `.` and `-`), arguments checked as an agent's are.
std::vector<HostFunction> host_functions(const Tools& tools);

struct ExecuteRequest {
  std::string code = {};
  JsonObject variables = {};                    ///< Set before the code runs.
  std::vector<std::string> submit_fields = {};  ///< What positional values of `SUBMIT(…)` are called.
  /// Of the code and the functions that it calls.  When it is over, the code is interrupted.
  std::chrono::milliseconds time_limit{30'000};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

/// What the code raised.
struct CodeError {
  std::string kind = {};  ///< `ZeroDivisionError`.
  std::string message = {};
  std::string traceback = {};

  bool operator==(const CodeError&) const = default;
};

/// The result of one piece of code.
struct Execution {
  enum class End {
    finished,
    submitted,  ///< It called `SUBMIT`.
    raised,     ///< `error` says what.
    timed_out,
    crashed,  ///< The interpreter ended: out of memory, a limit, or `os._exit`.
  };

  End end = End::finished;
  std::string output = {};         ///< Of `print`, and of its standard error; beginning and end if it was long.
  std::uint64_t left_out = 0;      ///< Letters of the output that are not in it.
  std::optional<Json> value = {};  ///< Of an expression in the last line; nothing if there was none, or it is not JSON.
  std::string repr = {};           ///< The same as Python writes it.
  std::string no_value = {};       ///< Why it is not JSON.
  std::optional<JsonObject> submitted = {};
  std::optional<CodeError> error = {};
  std::string problem = {};  ///< What is known about a crash.
  bool state_lost = false;   ///< Variables and functions that code made are gone.
  std::size_t calls = 0;     ///< Of host functions.
};

std::string_view to_string(Execution::End end) noexcept;

/// Runs pieces of code one after another, and keeps their variables.  One execution at a time; a second, concurrent one
/// throws `Error` (`invalid_parameter`).
class Interpreter {
 public:
  virtual ~Interpreter() = default;

  /// What the code does wrong is in the result.  Throws `Error`: `unsupported` where no sandbox can be had, with the
  /// reason, `backend_error` for an interpreter that breaks the protocol, `cancelled`, `deadline_exceeded`.
  virtual Async<Execution> execute(ExecuteRequest request) = 0;
  /// What keeps the code in, for people: `bubblewrap, seccomp, landlock 7`.  Empty before the first execution.
  virtual std::string protection() const = 0;

  /// The blocking door.
  Execution operator()(std::string code, JsonObject variables = {});
};

/// Makes an interpreter whose code may call these functions.
using InterpreterFactory = std::function<std::shared_ptr<Interpreter>(std::vector<HostFunction> functions)>;

}  // namespace dspy
