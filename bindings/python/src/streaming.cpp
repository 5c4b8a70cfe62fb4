#include "errors.hpp"
#include "exiting.hpp"
#include "json.hpp"
#include "predictor.hpp"
#include "values.hpp"
#include "waiting.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace dspy::python {
namespace {

/// What a stream has said and nobody has read yet.
class Pipe {
 public:
  struct Piece {
    std::string field, text;
    bool done = false, restart = false;
  };

  void push(Piece piece) {
    const std::scoped_lock lock(mutex_);
    pieces_.push_back(std::move(piece));
    changed_.notify_one();
  }
  void finish(std::optional<Prediction> made, std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    made_ = std::move(made);
    failure_ = std::move(failure);
    finished_ = true;
    changed_.notify_one();
  }

  /// False if nothing came in time.
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return finished_ || !pieces_.empty(); });
  }
  std::optional<Piece> take() {
    const std::scoped_lock lock(mutex_);
    if (pieces_.empty()) return {};
    auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  /// Of a stream that has ended and was read.
  std::optional<Prediction> take_result() {
    const std::scoped_lock lock(mutex_);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return std::exchange(made_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  std::optional<Prediction> made_;
  std::exception_ptr failure_;
  bool finished_ = false;
};

/// An iterator over the pieces of a prediction, whose last item is the prediction.
struct PyStream {
  std::shared_ptr<Pipe> pipe;
  std::stop_source stop;
  Held converters;
  bool is_over = false;

  PyStream(std::shared_ptr<Pipe> what, std::stop_source how, Held functions)
      : pipe(std::move(what)), stop(std::move(how)), converters(std::move(functions)) {}
  PyStream(const PyStream&) = delete;
  PyStream& operator=(const PyStream&) = delete;
  ~PyStream() { stop.request_stop(); }
};

nb::object next(PyStream& self) {
  if (self.is_over) throw nb::stop_iteration();
  require_interpreter();
  const AttendedCall attended(self.stop);
  while (true) {
    bool has_come = false;
    {
      const nb::gil_scoped_release released;
      has_come = self.pipe->wait(std::chrono::milliseconds(100));
    }
    if (has_come) break;
    if (PyErr_CheckSignals() != 0) {
      self.stop.request_stop();
      throw nb::python_error();
    }
  }
  if (auto piece = self.pipe->take()) {
    return nb::module_::import_("dspy_cpp._streams")
        .attr("Piece")(to_python(piece->field), to_python(piece->text), piece->done, piece->restart);
  }
  self.is_over = true;
  return wrap(*self.pipe->take_result(), self.converters);
}

std::unique_ptr<PyStream> open(const PyPredictor& self, const nb::kwargs& arguments) {
  require_unforked();
  note_threads();
  auto call = to_call(self, arguments);
  if (!call.changed) call.changed = self.value;
  std::stop_source stop;
  call.options.stop = stop.get_token();
  const auto pipe = std::make_shared<Pipe>();
  const auto made = std::make_shared<std::optional<Prediction>>();
  detail::start(
      [](PyCall whole, std::shared_ptr<Pipe> out, std::shared_ptr<std::optional<Prediction>> result) -> Async<void> {
        const auto sink = [out](const FieldEvent& event) {
          out->push({.field = std::string(event.field),
                     .text = std::string(event.text),
                     .done = event.done,
                     .restart = event.restart});
        };
        result->emplace(co_await whole.changed->astream(std::move(whole.inputs), sink, std::move(whole.options)));
      }(std::move(call), pipe, made),
      stop, [pipe, made](std::exception_ptr failure) { pipe->finish(std::move(*made), std::move(failure)); });
  return std::make_unique<PyStream>(pipe, std::move(stop), self.converters);
}

}  // namespace

void bind_streaming(nb::module_& m) {
  nb::class_<PyStream>(m, "Stream", "The pieces of a prediction as they are written, and at the end the prediction.")
      .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__next__", &next)
      .def(
          "close",
          [](PyStream& self) {
            self.stop.request_stop();
            self.is_over = true;
          },
          "Stops the call. Dropping the stream does the same.");
  m.def("_stream", &open, nb::arg("predictor"), nb::arg("arguments"));
}

}  // namespace dspy::python
