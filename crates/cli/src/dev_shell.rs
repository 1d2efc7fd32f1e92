//! What the dev-shell activator gets from this program: the evaluator and the builder.

use std::{collections::BTreeMap, sync::Arc};

use floe_builder::{BuildStore, Goal, Wanted};
use floe_devshell::{
    Output,
    nix::{
        request::{ShellArgument, ShellRequest, ShellSource, packages_expression},
        tools::{EvaluationFailure, Reads, ShellBuilder, ShellDerivation, ShellEvaluator},
    },
};
use floe_store::{Store, StorePath};

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    commands::store,
    evaluation::{self, Access, Argument, Evaluated, Request, Source},
};

/// The evaluator and the builder, on one store.
pub(crate) struct Tools {
    store: Arc<BuildStore>,
    builds: BuildArguments,
}

impl Tools {
    /// On the store that the environment names, or the first that can be had.
    pub(crate) fn open() -> anyhow::Result<Tools> {
        let store = Arc::new(store::open(&StoreArguments { store: None })?);
        Ok(Tools { store, builds: BuildArguments::default() })
    }

    fn evaluate(&self, request: &Request) -> Result<ShellDerivation, EvaluationFailure> {
        let access = Access::Write(&self.store, &self.builds);
        let evaluated = evaluation::evaluate(request, access, |evaluator, selected| {
            Ok(evaluation::derivations(evaluator, &selected)?)
        });
        let Evaluated { result, reads } = evaluated.map_err(|error| EvaluationFailure {
            message: format!("{error:#}"),
            reads: Reads::default(),
        })?;
        let reads = to_reads(reads);
        let failure = |message: String| EvaluationFailure { message, reads: reads.clone() };
        let found = result.map_err(|complaint| failure(complaint.render_plain()))?;
        let found: Vec<_> = found.into_iter().flatten().collect();
        let [wanted] = found.as_slice() else {
            return Err(failure(format!(
                "a shell is one derivation, and the expression has {}",
                found.len()
            )));
        };
        let path = self.store().store_dir().parse(&wanted.derivation);
        let path = path.map_err(|error| failure(error.to_string()))?;
        Ok(ShellDerivation { path, reads })
    }
}

impl ShellEvaluator for Tools {
    fn shell_derivation(
        &self,
        request: &ShellRequest,
    ) -> Result<ShellDerivation, EvaluationFailure> {
        let source = match &request.source {
            ShellSource::File(file) => Source::File(file.clone()),
            ShellSource::Packages(packages) => Source::Text(packages_expression(packages)),
        };
        let mut arguments =
            vec![("inNixShell".to_owned(), Argument::Expression("true".to_owned()))];
        arguments.extend(request.arguments.iter().map(|(name, argument)| {
            let argument = match argument {
                ShellArgument::Expression(text) => Argument::Expression(text.clone()),
                ShellArgument::Text(text) => Argument::String(text.clone()),
            };
            (name.clone(), argument)
        }));
        self.evaluate(&Request {
            attributes: request.attribute.iter().cloned().collect(),
            arguments,
            include: request.search_path.clone(),
            ..Request::new(source, request.folder.clone())
        })
    }
}

impl ShellBuilder for Tools {
    fn store(&self) -> &dyn Store {
        self.store.store()
    }

    fn build(&self, derivation: &StorePath, output: &mut dyn Output) -> Result<(), String> {
        let name = derivation.derivation_name().unwrap_or(derivation.name());
        output.status(&format!("building {name}"));
        let goal = Goal { derivation: derivation.clone(), outputs: Wanted::All };
        self.builds.realise(&self.store, &[goal]).map_err(|error| error.to_string())
    }
}

fn to_reads(reads: floe_eval::Reads) -> Reads {
    let variables: BTreeMap<_, _> = reads
        .variables
        .into_iter()
        // What is in one store says nothing about another.
        .chain(["FLOE_STORE".to_owned()])
        .map(|name| {
            let value = std::env::var_os(&name).map(|value| value.to_string_lossy().into_owned());
            (name, value)
        })
        .collect();
    Reads { paths: reads.files.into_iter().chain(reads.folders).collect(), variables }
}
