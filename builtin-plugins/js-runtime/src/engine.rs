//! One engine with one script in it, for the length of one call.
//!
//! Owns: starting it with its limits, loading the three modules (layer, bridge,
//! script), waiting for promises, reading what comes back. It refuses imports: a
//! script is one file. Errors are sentences with the line that the engine names.

use crate::limits::{RECURSION, STACK_VALUES};
use crate::reply::{self, Answer};
use crate::room::Payload;
use crate::{json, powers};
use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsResult, JsString, JsValue, Module, NativeFunction, Source, js_string};
use serde_json::json;
use skynet_plugin_sdk::Description;
use skynet_plugin_sdk::tool::{CallContext, Outcome, ToolError, ToolSpec};
use std::mem::ManuallyDrop;

const LAYER: &str = include_str!("../../../plugins-sdk/js/src/layer.js");
const BRIDGE: &str = include_str!("bridge.js");

pub(crate) struct Engine {
    context: Context,
    layer: JsObject,
    host: JsValue,
    script: JsValue,
    payload: Payload,
}

fn ask(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = |at: usize, context: &mut Context| -> JsResult<String> {
        Ok(arguments.get(at).cloned().unwrap_or_default().to_string(context)?.to_std_string_lossy())
    };
    let answer = powers::ask(&text(0, context)?, &text(1, context)?);
    Ok(JsString::from(answer).into())
}

impl Engine {
    /// Starts an engine and loads the script of `payload` into it. It is never taken down:
    /// the host drops the whole store after the call, which is faster, and freeing data
    /// that nests deep would recurse.
    pub(crate) fn start(payload: &Payload) -> Result<ManuallyDrop<Self>, String> {
        let mut context = Context::default();
        context.runtime_limits_mut().set_recursion_limit(RECURSION);
        context.runtime_limits_mut().set_stack_size_limit(STACK_VALUES);
        let layer = load(&mut context, LAYER).map_err(|error| format!("layer.js: {}", sentence(&error)))?;
        let bridge = load(&mut context, BRIDGE).map_err(|error| format!("bridge.js: {}", sentence(&error)))?;
        let host = host(&mut context, &layer, &bridge, payload).map_err(|error| sentence(&error))?;
        let script = load(&mut context, &payload.script).map_err(|error| format!("the script does not load: {}", sentence(&error)))?;
        Ok(ManuallyDrop::new(Self { context, layer, host, script: script.into(), payload: payload.clone() }))
    }

    pub(crate) fn describe(&mut self) -> Result<Description, String> {
        let manifest = json!({ "name": self.payload.name, "summary": self.payload.summary });
        let manifest = JsValue::from_json(&manifest, &mut self.context).map_err(|error| error.to_string())?;
        reply::description(&self.answer("describe", &[self.script.clone(), manifest])?)
    }

    pub(crate) fn tools(&mut self) -> Result<Vec<ToolSpec>, String> {
        reply::specs(&self.answer("specs", &[self.script.clone(), JsValue::undefined()])?)
    }

    pub(crate) fn configure(&mut self, proposed: &str) -> Result<(), String> {
        let answer = self.answer("configure", &[self.script.clone(), JsString::from(proposed).into()])?;
        answer.as_str().map_or(Ok(()), |reason| Err(reason.to_owned()))
    }

    pub(crate) fn call(&mut self, name: &str, arguments: &str, context: &CallContext) -> Result<Outcome, ToolError> {
        let who = json!({
            "turn": context.turn, "session": context.session, "user": context.user,
            "deadlineMs": context.deadline_ms, "timeZone": context.time_zone,
        });
        let who = JsValue::from_json(&who, &mut self.context).map_err(|error| ToolError::Failed(error.to_string()))?;
        let arguments = [self.script.clone(), self.host.clone(), JsString::from(name).into(), JsString::from(arguments).into(), who];
        reply::outcome(&self.answer("call", &arguments).map_err(ToolError::Failed)?)
    }

    /// Calls a function of the layer, waits for its promise, and gives the value as JSON.
    fn answer(&mut self, function: &str, arguments: &[JsValue]) -> Result<Answer, String> {
        self.settle(function, arguments).map_err(|error| sentence(&error))
    }

    fn settle(&mut self, function: &str, arguments: &[JsValue]) -> JsResult<Answer> {
        let context = &mut self.context;
        let function = self.layer.get(PropertyKey::from(JsString::from(function)), context)?;
        let function = function.as_callable().ok_or_else(|| JsNativeError::typ().with_message("the layer lacks a function"))?;
        let mut value = function.call(&JsValue::undefined(), arguments, context)?;
        if let Some(promise) = value.as_object().and_then(|object| JsPromise::from_object(object.clone()).ok()) {
            value = settled(&promise, context)?;
        }
        // `undefined` has no JSON; it stands for "nothing to say".
        Ok(value.to_json(context)?.unwrap_or_default())
    }
}

/// What was thrown and where, in one line; the engine appends every frame of the stack.
fn sentence(error: &JsError) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let what = lines.next().unwrap_or_default().trim_end_matches(" (native)");
    match lines.map(str::trim).find(|line| line.starts_with("at ") && !line.ends_with("(native)")) {
        Some(place) => format!("{what} {}", place.replace("unknown at :", "line ")),
        None => what.to_owned(),
    }
}

/// Runs what was put off until the promise has an end.
fn settled(promise: &JsPromise, context: &mut Context) -> JsResult<JsValue> {
    context.run_jobs()?;
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        PromiseState::Pending => Err(JsNativeError::error().with_message("it waits for a promise that nothing settles").into()),
    }
}

fn load(context: &mut Context, source: &str) -> JsResult<JsObject> {
    let module = Module::parse(Source::from_bytes(source), None, context)?;
    let promise = module.load_link_evaluate(context);
    settled(&promise, context)?;
    Ok(module.namespace(context))
}

fn host(context: &mut Context, layer: &JsObject, bridge: &JsObject, payload: &Payload) -> JsResult<JsValue> {
    let ask = NativeFunction::from_fn_ptr(ask).to_js_function(context.realm());
    let parse = NativeFunction::from_fn_ptr(json::parse).to_js_function(context.realm());
    let powers = JsValue::from_json(&json!(payload.powers), context)?;
    let error = layer.get(js_string!("ToolError"), context)?;
    let make = bridge.get(js_string!("hostOf"), context)?;
    let make = make.as_callable().ok_or_else(|| JsNativeError::typ().with_message("bridge.js exports no hostOf"))?;
    let host = make.call(&JsValue::undefined(), &[ask.into(), parse.into(), powers, error], context)?;
    let prepare = layer.get(js_string!("prepare"), context)?;
    let prepare = prepare.as_callable().ok_or_else(|| JsNativeError::typ().with_message("layer.js exports no prepare"))?;
    prepare.call(&JsValue::undefined(), std::slice::from_ref(&host), context)?;
    Ok(host)
}
