"""The steps of a walk: what a user may do, and how often it is done."""

ACTIONS = []


def action(weight):
    """One of the things that users do, chosen as often as its weight says."""
    def register(function):
        ACTIONS.append((weight, function))
        return function
    return register


def step(world):
    """One action of a user, by chance."""
    weights, functions = zip(*ACTIONS)
    function = world.chance.choices(functions, weights)[0]
    world.note(f"# {function.__name__}")
    function(world)
