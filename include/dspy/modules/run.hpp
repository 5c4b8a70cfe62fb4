#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/predictor.hpp"

#include <atomic>
#include <expected>
#include <format>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

// How programs run.  A program, or a module that is made of others, writes one coroutine:
//
//     struct Support {
//       dspy::Predict<Triage> triage;
//       dspy::ChainOfThought<Draft> draft;
//
//       dspy::Async<Reply> run(std::string ticket, dspy::Run run) const {
//         auto sorted = co_await triage.run({.ticket = ticket}, run);
//         co_return co_await draft.run({.ticket = ticket, .team = sorted.team}, run);
//       }
//     };
//
// and has calls that block, calls to await, streams and batches from it: `call(support, ticket)`, `acall`, `stream`,
// `run_batch`.  `Module` gives a class the same as members.

namespace dspy {

namespace detail {

template <class T>
struct RunTraits;
template <class P, class In, class Out>
struct RunTraits<Async<Out> (P::*)(In, Run) const> {
  using Program = P;
  using Input = std::remove_cvref_t<In>;
  using Output = Out;
};

}  // namespace detail

/// Has the coroutine `Async<Output> run(Input, Run) const`.
template <class P>
concept Runnable = requires { typename detail::RunTraits<decltype(&P::run)>::Output; };

template <Runnable P>
using InputOf = typename detail::RunTraits<decltype(&P::run)>::Input;
template <Runnable P>
using OutputOf = typename detail::RunTraits<decltype(&P::run)>::Output;

/// Runs a program on the calling thread.
template <Runnable P>
OutputOf<P> call(const P& program, InputOf<P> input, CallOptions options = {}) {
  return wait(program.run(std::move(input), Run{.options = std::move(options)}));
}

/// The same for coroutines.  Holds a copy of the program, so nothing has to outlive it.
template <Runnable P>
Async<OutputOf<P>> acall(P program, InputOf<P> input, CallOptions options = {}) {
  co_return co_await program.run(std::move(input), Run{.options = std::move(options)});
}

/// Runs a program, and hands each output field's text to `sink` as it arrives, of every module that streams.
template <Runnable P>
OutputOf<P> stream(const P& program, InputOf<P> input, FieldSink sink, CallOptions options = {}) {
  return wait(program.run(std::move(input), Run{.options = std::move(options), .sink = std::move(sink)}));
}

namespace detail {

/// Runs `work(i)` for each row of a batch, and keeps each result or error.  Throws only for an invalid option.
template <class Out>
Async<std::vector<std::expected<Out, Error>>> run_rows(std::size_t count, BatchOptions options,
                                                       std::function<Async<Out>(std::size_t)> work) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a batch of concurrency 0 would never begin; allow at least 1 call at a time");
  std::vector<std::expected<Out, Error>> rows(
      count, std::unexpected(Error(Errc::cancelled, "the batch was stopped before this call began")));
  const auto most_errors = options.max_errors.value_or(count + 1);
  std::atomic<std::size_t> errors = 0, done = 0;
  co_await run_concurrently(count, options.concurrency, [&](std::size_t i) -> Async<void> {
    if (options.call.stop.stop_requested()) {
    } else if (errors.load() >= most_errors) {
      rows[i] = std::unexpected(Error(
          Errc::cancelled, std::format("this call was not made: {} others failed before (max_errors)", most_errors)));
    } else {
      try {
        rows[i] = co_await work(i);
      } catch (const Error& error) {
        rows[i] = std::unexpected(error);
      } catch (const std::exception& error) {
        rows[i] = std::unexpected(Error(Errc::inference_failed, error.what()));
      }
      if (!rows[i]) errors.fetch_add(1);
    }
    const auto ended = done.fetch_add(1) + 1;
    if (options.progress) options.progress(ended, count);
  });
  co_return rows;
}

}  // namespace detail

/// Runs the whole program on each of `rows` concurrently; the results are in the same order, and a failure does not
/// affect the others.  A row that was not started has failed with `cancelled`.
template <Runnable P>
Async<std::vector<std::expected<OutputOf<P>, Error>>> arun_batch(P program, std::vector<InputOf<P>> rows,
                                                                 BatchOptions options = {}) {
  co_return co_await detail::run_rows<OutputOf<P>>(rows.size(), options, [&](std::size_t i) {
    return program.run(std::move(rows[i]), Run{.options = options.call});
  });
}

template <Runnable P>
std::vector<std::expected<OutputOf<P>, Error>> run_batch(const P& program, std::vector<InputOf<P>> rows,
                                                         const BatchOptions& options = {}) {
  return wait(arun_batch(program, std::move(rows), options));
}

}  // namespace dspy
