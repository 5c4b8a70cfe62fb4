#include "json.hpp"

#include "dspy/base/error.hpp"

#include <cmath>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::python {
namespace {

constexpr int max_depth = 200;

std::string kind_name(nb::handle value) {
  return nb::cast<std::string>(nb::str(nb::handle(reinterpret_cast<PyObject*>(value.ptr()->ob_type)).attr("__name__")));
}

std::string_view text_of(nb::handle value) {
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (data == nullptr) {
    PyErr_Clear();
    throw Error(Errc::bad_input, "a text holds half of a surrogate pair, which no UTF-8 can say; decode it anew");
  }
  return {data, static_cast<std::size_t>(size)};
}

Json integer_of(nb::handle value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow == 0 && !(number == -1 && PyErr_Occurred() != nullptr)) return Json(std::int64_t{number});
  PyErr_Clear();
  if (overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(value.ptr());
    if (PyErr_Occurred() == nullptr) return Json(std::uint64_t{large});
    PyErr_Clear();
  }
  throw Error(Errc::bad_input, "an integer has more than 64 bits; hand it over as a text");
}

Json read(nb::handle value, int depth);

JsonObject object_of(nb::handle value, int depth) {
  JsonObject out;
  out.reserve(static_cast<std::size_t>(PyDict_Size(value.ptr())));
  PyObject *key = nullptr, *item = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(value.ptr(), &position, &key, &item) != 0) {
    if (PyUnicode_Check(key) != 0) {
      out.insert_or_assign(text_of(key), read(item, depth + 1));
    } else if (PyLong_Check(key) != 0) {
      out.insert_or_assign(text_of(nb::str(nb::handle(key))), read(item, depth + 1));
    } else {
      const nb::object plain = nb::module_::import_("dspy_cpp._values").attr("plain")(nb::handle(key));
      if (PyUnicode_Check(plain.ptr()) == 0) {
        throw Error(Errc::bad_input,
                    std::format("a dict has a key of the type `{}`; JSON's keys are texts", kind_name(key)));
      }
      out.insert_or_assign(text_of(plain), read(item, depth + 1));
    }
  }
  return out;
}

/// Of a list or tuple, through functions that the stable ABI has.  Reading an item may run code that changes the list.
Json sequence_of(nb::handle value, int depth) {
  const bool is_list = PyList_CheckExact(value.ptr()) != 0;
  const auto size = [&] { return is_list ? PyList_Size(value.ptr()) : PyTuple_Size(value.ptr()); };
  JsonArray out;
  out.reserve(static_cast<std::size_t>(size()));
  for (Py_ssize_t i = 0; i < size(); ++i) {
    const auto item = nb::borrow(is_list ? PyList_GetItem(value.ptr(), i) : PyTuple_GetItem(value.ptr(), i));
    out.push_back(read(item, depth + 1));
  }
  return out;
}

Json read(nb::handle value, int depth) {
  PyObject* const object = value.ptr();
  if (depth > max_depth)
    throw Error(Errc::bad_input, "a value is nested more than 200 deep, or holds itself; hand over something flatter");
  if (PyUnicode_CheckExact(object) != 0) return Json(text_of(value));
  if (object == Py_None) return Json();
  if (PyBool_Check(object) != 0) return Json(object == Py_True);
  if (PyLong_CheckExact(object) != 0) return integer_of(value);
  if (PyFloat_CheckExact(object) != 0) {
    const double number = PyFloat_AsDouble(object);
    if (!std::isfinite(number))
      throw Error(Errc::bad_input, "a float is infinite or not a number, which JSON cannot say; hand over None");
    return Json(number);
  }
  if (PyDict_CheckExact(object) != 0) return object_of(value, depth);
  if (PyList_CheckExact(object) != 0 || PyTuple_CheckExact(object) != 0) return sequence_of(value, depth);
  // Calls of plain() return plain values, or raise TypeError.
  const nb::object plain = nb::module_::import_("dspy_cpp._values").attr("plain")(value);
  if (plain.is(value))
    throw Error(Errc::bad_input, std::format("a value of the type `{}` has no JSON", kind_name(value)));
  return read(plain, depth + 1);
}

}  // namespace

Json to_json(nb::handle value) {
  return read(value, 0);
}

JsonObject to_json_object(nb::handle value, const char* what) {
  if (PyDict_Check(value.ptr()) != 0) return object_of(value, 0);
  auto json = to_json(value);
  if (!json.is_object()) throw Error(Errc::bad_input, std::format("{} is not a dict", what));
  return std::move(json.as_object());
}

nb::str to_python(std::string_view text) {
  // What a model wrote may end within a character.
  PyObject* const out = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (out == nullptr) throw nb::python_error();
  return nb::steal<nb::str>(out);
}

nb::dict to_python(const JsonObject& value) {
  nb::dict out;
  for (const auto& [key, item] : value) out[to_python(std::string_view(key))] = to_python(item);
  return out;
}

nb::object to_python(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return nb::none();
    case boost::json::kind::bool_: return nb::bool_(value.get_bool());
    case boost::json::kind::int64: return nb::int_(value.get_int64());
    case boost::json::kind::uint64: return nb::int_(value.get_uint64());
    case boost::json::kind::double_: return nb::float_(value.get_double());
    case boost::json::kind::string: return to_python(view(value.get_string()));
    case boost::json::kind::array: {
      const auto& items = value.get_array();
      nb::list out;
      for (const auto& item : items) out.append(to_python(item));
      return out;
    }
    case boost::json::kind::object: return to_python(value.get_object());
  }
  return nb::none();
}

}  // namespace dspy::python
