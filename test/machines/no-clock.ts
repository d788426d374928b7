interface Call {
  readonly callee: { readonly type: string; readonly name?: string };
  readonly arguments: readonly unknown[];
}

interface RuleContext {
  report(problem: { readonly node: Call; readonly message: string }): void;
}

/** A rule for oxlint that it does not have itself: `new Date()` and `Date()` read the clock, `new Date(milliseconds)` does not. */
const noClock = {
  create(context: RuleContext) {
    const check = (node: Call): void => {
      const { callee } = node;
      if (callee.type !== 'Identifier' || callee.name !== 'Date' || node.arguments.length > 0) return;
      context.report({ node, message: 'Time is a field of the event or the input.' });
    };
    return { NewExpression: check, CallExpression: check };
  },
};

const plugin = { meta: { name: 'kube-lego' }, rules: { 'no-clock': noClock } };
export default plugin;
