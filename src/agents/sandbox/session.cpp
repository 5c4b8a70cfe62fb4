#include "agents/sandbox/session.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"

#include <algorithm>
#include <exception>
#include <format>
#include <functional>
#include <utility>
#include <variant>

namespace dspy::sandbox {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// The next message; nothing at the end of the process, or at `until`, when it is killed.
Async<Mailbox::Letter> next_letter(std::shared_ptr<Session> session, SteadyTime until) {
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

[[noreturn]] void tell_no_start(Session& session) {
  const auto reason = session.mailbox->reason(), errors = last_lines(session.child->errors());
  session.drop();
  session.not_started();
  throw Error(Errc::unsupported, std::format("code is not run, as its sandbox could not be set up: {}{}{}; {}", reason,
                                             errors.empty() ? "" : ": ", errors, session.remedy()));
}

Async<void> make_ready(std::shared_ptr<Session> session) {
  session->start();
  if (session->is_ready) co_return;
  auto letter = co_await next_letter(session, std::chrono::steady_clock::now() + session->bounds.start_limit);
  if (!letter.message) {
    if (letter.is_alarm) {
      session->drop();
      session->not_started();
      throw Error(Errc::backend_error, std::format("the interpreter `{}` did not start within {}", session->program(),
                                                   session->bounds.start_limit));
    }
    tell_no_start(*session);
  }
  const auto message = interpreter::read_message(*letter.message, 0);
  const auto* const ready = std::get_if<interpreter::Ready>(&message);
  if (ready == nullptr) throw Error(Errc::backend_error, "the interpreter did not begin by saying that it is ready");
  auto protection = session->accepted(*ready);
  session->is_ready = true;
  const std::lock_guard lock(session->mutex);
  session->protection = std::move(protection);
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

}  // namespace

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
    while (sent) {
      auto letter = co_await next_letter(session, limit + session->bounds.grace);
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

Turn::Turn(std::shared_ptr<Session> session) : session_(std::move(session)) {
  if (session_->is_busy.exchange(true))
    throw Error(
        Errc::invalid_parameter,
        "the interpreter is busy with another execution; an interpreter runs one at a time, so create a second one");
}

Session::Session(std::vector<HostFunction> given, const Bounds& bounded)
    : functions(std::move(given)), bounds(bounded) {
  interpreter::require_usable(functions);
}

void Session::start() {
  if (child && child->is_running()) return;
  drop();
  mailbox = std::make_shared<Mailbox>(bounds.message_bytes);
  child = started({.on_bytes = [box = mailbox](std::string_view bytes) { return box->take(bytes); },
                   .on_end = [box = mailbox](const process::ChildEnd& end) { box->take_end(end); },
                   .on_alarm = [box = mailbox] { box->take_alarm(); }});
}

void Session::lend(std::vector<HostFunction> given) {
  interpreter::require_usable(given);
  functions = std::move(given);
}

void Session::drop() {
  child.reset();
  mailbox.reset();
  is_ready = false;
}

std::string protection(const Session& session) {
  const std::lock_guard lock(session.mutex);
  return session.protection;
}

std::optional<std::string> problem_of(Interpreter& interpreter) {
  auto tried = attempt([&] { return interpreter("1"); });
  if (!tried) return tried.error().what();
  if (tried->end != Execution::End::finished) return "the sandbox does not run code: " + tried->problem;
  return std::nullopt;
}

}  // namespace dspy::sandbox
