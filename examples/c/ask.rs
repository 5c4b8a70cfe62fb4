// The C interface from Rust, without any crate:
//
//     rustc -O examples/c/ask.rs -L build/release/lib -l dspy_c && LD_LIBRARY_PATH=build/release/lib ./ask

use std::ffi::{c_char, c_int, c_void, CStr, CString};

#[repr(C)]
struct Error {
    code: i32,
    kind: [c_char; 32],
    message: [c_char; 480],
    json: *mut c_char,
}

#[allow(non_camel_case_types)]
type OnPiece = extern "C" fn(*const c_char, *const c_char, usize, c_int, c_int, *mut c_void) -> c_int;

#[link(name = "dspy_c")]
extern "C" {
    fn dspy_lm_scripted(replies: *const c_char, error: *mut Error) -> *mut c_void;
    fn dspy_lm_free(lm: *mut c_void);
    fn dspy_program_predict(notation: *const c_char, lm: *mut c_void, error: *mut Error) -> *mut c_void;
    fn dspy_program_call(program: *const c_void, inputs: *const c_char, stop: *mut c_void, error: *mut Error) -> *mut c_char;
    fn dspy_program_stream(program: *const c_void, inputs: *const c_char, on_piece: OnPiece, user: *mut c_void,
                           stop: *mut c_void, error: *mut Error) -> *mut c_char;
    fn dspy_program_free(program: *mut c_void);
    fn dspy_string_free(text: *mut c_char);
    fn dspy_error_clear(error: *mut Error);
}

/// What was made, or the error in words.
fn text(made: *mut c_char, error: &mut Error) -> Result<String, String> {
    unsafe {
        if made.is_null() {
            let kind = CStr::from_ptr(error.kind.as_ptr()).to_string_lossy().into_owned();
            dspy_error_clear(error);
            return Err(kind);
        }
        let copy = CStr::from_ptr(made).to_string_lossy().into_owned();
        dspy_string_free(made);
        Ok(copy)
    }
}

extern "C" fn print_piece(_: *const c_char, text: *const c_char, _: usize, _: c_int, _: c_int, user: *mut c_void) -> c_int {
    let said = unsafe { &mut *(user as *mut String) };
    said.push_str(&unsafe { CStr::from_ptr(text) }.to_string_lossy());
    0
}

fn main() {
    let c = |text: &str| CString::new(text).unwrap();
    let mut error: Error = unsafe { std::mem::zeroed() };
    unsafe {
        let lm = dspy_lm_scripted(c(r#"["Answer: 4", "Answer: one two three"]"#).as_ptr(), &mut error);
        let program = dspy_program_predict(c("question -> answer").as_ptr(), lm, &mut error);
        let nobody = std::ptr::null_mut();

        let out = dspy_program_call(program, c(r#"{"question": "2+2?"}"#).as_ptr(), nobody, &mut error);
        println!("{}", text(out, &mut error).unwrap());

        let mut said = String::new();
        let user = &mut said as *mut String as *mut c_void;
        let out = dspy_program_stream(program, c(r#"{"question": "Count."}"#).as_ptr(), print_piece, user, nobody, &mut error);
        text(out, &mut error).unwrap();
        println!("streamed: {said}");

        let out = dspy_program_call(program, c(r#"{"text": "?"}"#).as_ptr(), nobody, &mut error);
        println!("refused: {}", text(out, &mut error).unwrap_err());
        dspy_program_free(program);
        dspy_lm_free(lm);
    }
}
