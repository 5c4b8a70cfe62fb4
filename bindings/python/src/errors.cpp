#include "errors.hpp"

#include "json.hpp"
#include "waiting.hpp"

#include <exception>
#include <string>

namespace dspy::python {
namespace {

Errc code_of(const nb::python_error& error) {
  if (!error.matches(PyExc_Exception)) return Errc::cancelled;  // KeyboardInterrupt, SystemExit
  const nb::handle value = error.value();
  if (nb::hasattr(value, "kind")) {
    const nb::object kind = value.attr("kind");
    std::string name;
    if (nb::try_cast(kind, name)) {
      if (const auto code = errc(name)) return *code;
    }
  }
  return Errc::inference_failed;
}

std::string message_of(const nb::python_error& error) {
  const nb::handle value = error.value();
  if (nb::hasattr(value, "kind") && nb::hasattr(value, "message")) return nb::cast<std::string>(nb::str(value));
  const auto name = nb::cast<std::string>(nb::str(error.type().attr("__name__")));
  const auto text = nb::cast<std::string>(nb::str(value));
  return text.empty() ? name : name + ": " + text;
}

nb::object from_facts(const Error& error) {
  return nb::module_::import_("dspy_cpp._errors").attr("from_facts")(to_python(dspy::to_json(error)));
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const PythonFailure& failure) {
    failure.restore();
  } catch (const Error& error) {
    const auto exception = from_facts(error);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  }
}

}  // namespace

PythonFailure::PythonFailure(nb::python_error cause)
    : Error(code_of(cause), message_of(cause)), cause_(std::make_shared<nb::python_error>(std::move(cause))) {
  if (code() == Errc::cancelled) stop_current_wait();
}

void PythonFailure::restore() const {
  nb::python_error copy(*cause_);
  copy.restore();
}

Held::Held(nb::object object)
    : object_(new nb::object(std::move(object)), [](nb::object* held) {
        if (interpreter_is_ending()) return;  // its memory goes with the process
        const nb::gil_scoped_acquire gil;
        delete held;
      }) {}

void require_interpreter() {
  if (interpreter_is_ending()) throw Error(Errc::cancelled, "the Python interpreter is about to end");
}

nb::object PythonFailure::exception() const {
  return nb::borrow(cause_->value());
}

nb::object to_exception(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const PythonFailure& failure) {
    return failure.exception();
  } catch (const nb::python_error& error) {
    return nb::borrow(error.value());
  } catch (const Error& error) {
    return from_facts(error);
  } catch (const std::exception& error) {
    return from_facts(Error(Errc::inference_failed, error.what()));
  }
}

void bind_errors(nb::module_& /*m*/) {
  nb::register_exception_translator(translate);
}

}  // namespace dspy::python
