#include "dspy/agents/sandbox/python_interpreter.hpp"

#include "agents/sandbox/protocol.hpp"
#include "agents/sandbox/python_session.hpp"
#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"

#include <algorithm>
#include <exception>
#include <format>
#include <functional>
#include <utility>
#include <variant>

namespace dspy {
namespace {

using Session = PythonInterpreter::Session;
using SteadyTime = std::chrono::steady_clock::time_point;
using Letter = PythonMailbox::Letter;

/// One execution at a time.
class Turn {
 public:
  explicit Turn(std::shared_ptr<Session> session) : session_(std::move(session)) {
    if (session_->is_busy.exchange(true))
      throw Error(
          Errc::invalid_parameter,
          "the interpreter is busy with another execution; an interpreter runs one at a time, so create a second one");
  }
  ~Turn() { session_->is_busy.store(false); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::shared_ptr<Session> session_;
};

/// The next message; nothing at the end of the process, or at `until`, when it is killed.
Async<Letter> next_letter(std::shared_ptr<Session> session, SteadyTime until) {
  const auto box = session->mailbox;
  box->forget_alarm();
  session->child->set_alarm(until);
  while (true) {
    if (box->is_cancelled()) throw Error(Errc::cancelled, "the caller asked to stop; the interpreter was ended");
    if (auto letter = box->next()) co_return *std::move(letter);
    co_await Bell::wait(box->bell, [box] { box->cancel(); });
  }
}

std::string last_lines(std::string_view errors) {
  const auto trimmed = text::trim(errors);
  return std::string(trimmed.substr(trimmed.size() - std::min<std::size_t>(trimmed.size(), 600)));
}

[[noreturn]] void tell_no_start(const Session& session) {
  const auto errors = last_lines(session.child->errors());
  throw Error(Errc::unsupported,
              std::format("code is not run, as its sandbox could not be set up: {}{}{}; allow user namespaces "
                          "(`sysctl user.max_user_namespaces kernel.apparmor_restrict_unprivileged_userns`), or run it "
                          "elsewhere through a remote interpreter",
                          session.mailbox->reason(), errors.empty() ? "" : ": ", errors));
}

std::string described(const interpreter::Ready& ready, bool is_sandboxed) {
  if (!is_sandboxed) return "none: allow_unsandboxed was set";
  std::string out = "bubblewrap, seccomp";
  if (const auto* const landlock = ready.layers.if_contains("landlock"); landlock != nullptr && landlock->is_int64())
    out += std::format(", landlock {}", landlock->get_int64());
  return out;
}

Async<void> make_ready(std::shared_ptr<Session> session) {
  session->start();
  if (session->is_ready) co_return;
  auto letter = co_await next_letter(session, std::chrono::steady_clock::now() + session->options.start_limit);
  if (!letter.message) {
    if (letter.is_alarm) {
      session->drop();
      throw Error(Errc::backend_error, std::format("the interpreter `{}` did not start within {}",
                                                   session->options.python, session->options.start_limit));
    }
    tell_no_start(*session);
  }
  const auto message = interpreter::read_message(*letter.message, 0);
  const auto* const ready = std::get_if<interpreter::Ready>(&message);
  if (ready == nullptr) throw Error(Errc::backend_error, "the interpreter did not begin by saying that it is ready");
  session->is_ready = true;
  const std::lock_guard lock(session->mutex);
  session->protection = described(*ready, ready->layers.contains("seccomp"));
}

/// What is left of an interpreter that was killed, or ended.
Execution crash(Session& session, Execution::End end, std::size_t calls) {
  Execution out{.end = end, .problem = session.mailbox->reason(), .state_lost = true, .calls = calls};
  if (end == Execution::End::timed_out) out.problem = "the code could not be interrupted; the interpreter was ended";
  if (const auto errors = last_lines(session.child->errors()); !errors.empty() && end == Execution::End::crashed)
    out.problem += ": " + errors;
  session.drop();
  return out;
}

Async<Execution> run(std::shared_ptr<Session> session, ExecuteRequest request) {
  const Turn turn(session);
  const auto begun = std::chrono::steady_clock::now();
  if (request.time_limit.count() <= 0)
    throw Error(Errc::invalid_parameter,
                "a time limit of 0 for code would stop it before it begins; give it some time");
  if (request.deadline) {
    if (*request.deadline <= begun) throw Error(Errc::deadline_exceeded, "the deadline passed before the code was run");
    request.time_limit =
        std::min(request.time_limit, std::chrono::ceil<std::chrono::milliseconds>(*request.deadline - begun));
  }
  if (request.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop before the code was run");
  session->start();
  const std::stop_callback on_stop(request.stop, std::function<void()>([box = session->mailbox] { box->cancel(); }));
  std::exception_ptr failure;
  try {
    co_await make_ready(session);
    const auto number = ++session->execution;
    const auto limit = std::chrono::steady_clock::now() + request.time_limit;
    std::size_t calls = 0;
    const bool sent =
        session->child->send(interpreter::framed(interpreter::execute_message(request, number, session->functions)));
    session->was_used = true;
    while (sent) {
      auto letter = co_await next_letter(session, limit + session->options.grace);
      if (letter.is_alarm) co_return crash(*session, Execution::End::timed_out, calls);
      if (letter.is_end) co_return crash(*session, Execution::End::crashed, calls);
      auto message = interpreter::read_message(*letter.message, number);
      if (auto* const done = std::get_if<Execution>(&message)) {
        done->calls = calls;
        co_return std::move(*done);
      }
      ++calls;
      auto* const call = std::get_if<interpreter::Call>(&message);
      const auto answer = co_await interpreter::answered(session->functions, std::move(*call));
      session->child->send(interpreter::framed(answer));
    }
    co_return crash(*session, Execution::End::crashed, calls);
  } catch (...) {
    failure = std::current_exception();
  }
  session->drop();  // whatever it was about, it is not known any more what the interpreter waits for
  std::rethrow_exception(failure);
}

}  // namespace

PythonInterpreter::PythonInterpreter(std::vector<HostFunction> functions, PythonOptions options)
    : session_(std::make_shared<Session>()) {
  interpreter::require_usable(functions);
  session_->functions = std::move(functions);
  session_->options = std::move(options);
}

PythonInterpreter::~PythonInterpreter() = default;

Async<Execution> PythonInterpreter::execute(ExecuteRequest request) {
  return run(session_, std::move(request));
}

std::string PythonInterpreter::protection() const {
  const std::lock_guard lock(session_->mutex);
  return session_->protection;
}

void PythonInterpreter::prepare() {
  const Turn turn(session_);
  session_->start();
}

std::optional<std::string> sandbox_problem(const PythonOptions& options) {
  auto strict = options;
  strict.allow_unsandboxed = false;
  PythonInterpreter interpreter({}, strict);
  auto tried = attempt([&] { return interpreter("1"); });
  if (!tried) return tried.error().what();
  if (tried->end != Execution::End::finished) return "the sandbox does not run code: " + tried->problem;
  return std::nullopt;
}

InterpreterFactory python_interpreters(PythonOptions options) {
  return [options = std::move(options)](std::vector<HostFunction> functions) {
    return std::make_shared<PythonInterpreter>(std::move(functions), options);
  };
}

}  // namespace dspy
