#include "lm/told_span.hpp"

#include "dspy/base/error.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <utility>

namespace dspy {
namespace {

/// The exception that is being handled.
Error caught() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) return {Errc::cancelled, "the call was cancelled"};
    return {Errc::inference_failed, error.what()};
  } catch (const std::exception& error) {
    return {Errc::inference_failed, error.what()};
  } catch (...) {
    return {Errc::inference_failed, "something was thrown that is no std::exception"};
  }
}

}  // namespace

void ToldSpan::tell_end() {
  span_.time = std::chrono::steady_clock::now() - begun_;
  std::exchange(trace_, nullptr)->end(span_);
}

void ToldSpan::end_failed() {
  if (trace_ == nullptr) return;
  const auto error = caught();
  end(&Span::error, error);
}

void ToldSpan::give_up() noexcept {
  try {
    end(&Span::error, Error(Errc::cancelled, "the call was given up before it ended"));
  } catch (...) {  // a destructor has nobody to tell
  }
}

}  // namespace dspy
