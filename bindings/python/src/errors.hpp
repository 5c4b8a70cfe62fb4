#pragma once

#include "bind.hpp"
#include "dspy/base/error.hpp"

#include <exception>
#include <memory>
#include <utility>

namespace dspy::python {

/// A Python exception on its way through C++.  Whoever only knows `Error` reads its kind and message; where it leaves
/// C++ it is raised again as it was.
class PythonFailure : public Error {
 public:
  /// Needs the GIL.
  explicit PythonFailure(nb::python_error cause);

  /// Sets it as Python's current exception.  Needs the GIL.
  void restore() const;
  nb::object exception() const;

 private:
  std::shared_ptr<nb::python_error> cause_;  ///< Takes the GIL itself when it is destroyed.
};

/// A Python object that C++ may hold and drop on any thread.
class Held {
 public:
  Held() = default;
  explicit Held(nb::object object);

  nb::handle get() const noexcept { return object_ ? object_->ptr() : nullptr; }
  bool is_set() const noexcept { return object_ != nullptr; }

 private:
  std::shared_ptr<nb::object> object_;
};

/// Throws `Error` (`cancelled`) once the interpreter is about to end: nothing of C++ may enter it any more.
void require_interpreter();

/// Calls `work` with the GIL; what Python raises becomes a `PythonFailure`.
template <class F>
auto with_python(F&& work) {
  require_interpreter();
  const nb::gil_scoped_acquire gil;
  try {
    return std::forward<F>(work)();
  } catch (nb::python_error& error) {
    throw PythonFailure(std::move(error));
  } catch (const nb::cast_error&) {
    throw Error(Errc::bad_input, "a Python function returned a value of another type than it must");
  }
}

/// The Python exception that stands for what was thrown; one that came from Python is itself.  Needs the GIL.
nb::object to_exception(const std::exception_ptr& thrown);

}  // namespace dspy::python
