# Ship nodes, stock and reservations, as those meet them who look after stock.

use JSON::PP ();

use Carmen::Test;
use Time::HiRes qw(sleep);

my $t = Carmen::Test->new;
my $c = $t->client(sub => 'keeper', scope => 'inventory:read inventory:write'
    . ' inventory:reserve');
my $shop = $t->client(sub => 'anna', scope => 'inventory:read'
    . ' inventory:reserve');
my $other = $t->client(sub => 'bert', scope => 'inventory:reserve');
my $foreign = $t->client(sub => 'keeper', tenant => 'elsewhere',
    scope => 'inventory:read inventory:write inventory:reserve');
my $key = 0;

sub key { return 'k-' . ++$key }

sub available
{
    my ($item, $node) = @_;
    my $body = $c->get("/api/v1/inventory/$item/nodes/$node")->json;
    return $body->{available};
}


subtest 'ship nodes' => sub {
    my $made = json_is($c->post('/api/v1/ship-nodes', key => key(),
        json => { id => 'HAM', name => 'Hamburg',
                  timeZone => 'Europe/Berlin' }),
        201, { id => 'HAM', nodeType => 'warehouse', status => 'active',
               enterpriseCode => 'DEFAULT', version => 1 });

    $c->post('/api/v1/ship-nodes', key => key(),
        json => { id => $_, name => "Node $_", nodeType => 'store' })
        for qw(MUC PAR);

    problem_is($c->post('/api/v1/ship-nodes', key => key(),
        json => { id => 'HAM', name => 'Again' }), 409, 'conflict');
    my $zone = problem_is($c->post('/api/v1/ship-nodes', key => key(),
        json => { id => 'X', name => 'X', timeZone => 'Mars/Base' }),
        422, 'validation-failed');
    is($zone->{errors}[0]{pointer}, '/timeZone', 'which says where');
    problem_is($shop->post('/api/v1/ship-nodes', key => key(),
        json => { id => 'X', name => 'X' }), 403, 'insufficient-scope');

    my @all = list_all($c, '/api/v1/ship-nodes?limit=2');
    is(join(' ', map { $_->{id} } @all), 'HAM MUC PAR', 'listed by code');
    @all = list_all($c, '/api/v1/ship-nodes?nodeType=store&sort=-id');
    is(join(' ', map { $_->{id} } @all), 'PAR MUC', 'filtered, backwards');

    problem_is($c->put('/api/v1/ship-nodes/PAR',
        json => { name => 'Paris' }), 428, 'precondition-required');
    problem_is($c->put('/api/v1/ship-nodes/PAR', match => 7,
        json => { name => 'Paris' }), 412, 'precondition-failed');
    json_is($c->put('/api/v1/ship-nodes/PAR', match => 1,
        json => { name => 'Paris' }), 200,
        { name => 'Paris', nodeType => 'warehouse', version => 2 });

    problem_is($foreign->get('/api/v1/ship-nodes/HAM'), 404, 'not-found');
    is($foreign->get('/api/v1/ship-nodes')->json->{items}[0], undef,
       'another tenant has none');

    is($c->delete('/api/v1/ship-nodes/PAR', match => 2)->status, 204,
       'a node without stock is deleted');
    problem_is($c->get('/api/v1/ship-nodes/PAR'), 404, 'not-found');
    is($c->post('/api/v1/ship-nodes', key => key(),
        json => { id => 'PAR', name => 'Paris' })->status, 201,
        'and made again');
};


subtest 'synchronisation' => sub {
    my $path = '/api/v1/inventory/TEA/nodes/HAM';

    problem_is($c->get($path), 404, 'not-found');
    json_is($c->put($path, json => { quantity => 10, threshold => 2,
                                     modifyts => '2026-01-02T10:00:00Z' }),
        201, { quantity => 10, reserved => 0, threshold => 2,
               available => 8, infinite => JSON::PP::false(), version => 1,
               modifyts => '2026-01-02T10:00:00.000Z',
               applied => JSON::PP::true() });

    json_is($c->put($path, json => { quantity => 99,
                                     modifyts => '2026-01-02T09:59:59Z' }),
        200, { quantity => 10, version => 1, applied => JSON::PP::false() },
        'an older figure is ignored');
    json_is($c->put($path, match => 1,
        json => { quantity => 12, modifyts => '2026-01-03T10:00:00+01:00' }),
        200, { quantity => 12, threshold => 0, available => 12,
               version => 2 });
    problem_is($c->put($path, match => 1, json => { quantity => 1 }), 412,
        'precondition-failed');
    problem_is($c->put($path, json => { quantity => -1 }), 422,
        'validation-failed');
    problem_is($c->put('/api/v1/inventory/TEA/nodes/NOWHERE',
        json => { quantity => 1 }), 422, 'validation-failed');
    problem_is($c->put($path, json => { quantity => 1,
        modifyts => '2999-01-01T00:00:00Z' }), 422, 'validation-failed');
    problem_is($shop->put($path, json => { quantity => 1 }), 403,
        'insufficient-scope');

    my $got = $c->get($path);
    is($got->header('etag'), '"2"', 'the version is the ETag');
    is($c->get($path, none_match => 2)->status, 304, 'nothing new');

    my @moves = list_all($c, "$path/movements?sort=createts");
    is(join(' ', map { "$_->{delta}=$_->{quantity}" } @moves), '10=10 2=12',
       'the movements say why');

    $c->put('/api/v1/inventory/AIR/nodes/HAM',
        json => { quantity => 0, infinite => JSON::PP::true() });
    json_is($c->get('/api/v1/inventory/AIR/nodes/HAM'), 200,
        { available => undef, infinite => JSON::PP::true() });
};


subtest 'adjustments' => sub {
    my $done = json_is($c->post('/api/v1/inventory/adjustments',
        key => 'adj-1', json => { reason => 'receipt', lines => [
            { itemId => 'TEA', shipNode => 'MUC', delta => 5 },
            { itemId => 'TEA', shipNode => 'HAM', delta => -2 },
            { itemId => 'TEA', shipNode => 'MUC', delta => 2 },
        ] }), 200, { reason => 'receipt' });
    is(join(' ', map { "$_->{shipNode}$_->{quantity}" } @{ $done->{items} }),
       'HAM10 MUC5 MUC7', 'in key order');

    my $again = $c->post('/api/v1/inventory/adjustments', key => 'adj-1',
        json => { reason => 'receipt', lines => [
            { itemId => 'TEA', shipNode => 'MUC', delta => 5 },
            { itemId => 'TEA', shipNode => 'HAM', delta => -2 },
            { itemId => 'TEA', shipNode => 'MUC', delta => 2 },
        ] });
    is($again->json->{adjustmentId}, $done->{adjustmentId}, 'a replay');
    is(available('TEA', 'HAM'), 10, 'which changes nothing');

    my $bad = problem_is($c->post('/api/v1/inventory/adjustments',
        key => key(), json => { reason => 'loss', lines => [
            { itemId => 'TEA', shipNode => 'MUC', delta => 100 },
            { itemId => 'TEA', shipNode => 'HAM', delta => -11 },
        ] }), 422, 'validation-failed');
    is($bad->{errors}[0]{pointer}, '/lines/1/delta', 'the line is named');
    is(available('TEA', 'MUC'), 7, 'all lines or none');

    my @many = map { { itemId => "I$_", shipNode => 'HAM', delta => 1 } }
        1 .. 501;
    problem_is($c->post('/api/v1/inventory/adjustments', key => key(),
        json => { reason => 'receipt', lines => \@many }), 422,
        'validation-failed');
    pop @many;
    is($c->post('/api/v1/inventory/adjustments', key => key(),
        json => { reason => 'receipt', lines => \@many })->status, 200,
        'a batch of 500');
    is(scalar @{ list_all($c, '/api/v1/inventory?limit=200&shipNode=HAM') }, 502,
       'all of them are listed');
};


subtest 'availability' => sub {
    my $body = json_is($shop->get('/api/v1/inventory/availability'
        . '?items=TEA,AIR,NONE'), 200, {});
    is_deeply($body->{items}[0], { itemId => 'TEA',
        network => { available => 17, infinite => JSON::PP::false() },
        nodes => [
            { shipNode => 'HAM', available => 10,
              infinite => JSON::PP::false() },
            { shipNode => 'MUC', available => 7,
              infinite => JSON::PP::false() } ] }, 'by node and in all');
    is($body->{items}[1]{network}{available}, undef, 'infinite is null');
    is_deeply($body->{items}[2], { itemId => 'NONE',
        network => { available => 0, infinite => JSON::PP::false() },
        nodes => [] }, 'an unknown item');

    $body = $shop->get('/api/v1/inventory/availability'
        . '?items=TEA&nodes=MUC,PAR')->json;
    is($body->{items}[0]{network}{available}, 7, 'of some nodes');

    $c->put('/api/v1/ship-nodes/MUC', match => 1,
        json => { name => 'Munich', status => 'inactive' });
    $body = $shop->get('/api/v1/inventory/availability?items=TEA')->json;
    is($body->{items}[0]{network}{available}, 10, 'not of inactive ones');
    problem_is($c->put('/api/v1/inventory/TEA/nodes/MUC',
        json => { quantity => 1 }), 422, 'validation-failed');
    $c->put('/api/v1/ship-nodes/MUC', match => 2,
        json => { name => 'Munich' });

    problem_is($shop->get('/api/v1/inventory/availability'), 400,
        'invalid-parameter');
    problem_is($c->delete('/api/v1/ship-nodes/HAM', match => 1), 409,
        'node-in-use');
};


sub reserve
{
    my ($client, $lines, %more) = @_;
    return $client->post('/api/v1/reservations', key => key(),
        json => { lines => [ map { { itemId => $_->[0], quantity => $_->[1],
            $_->[2] ? (shipNode => $_->[2]) : () } } @$lines ], %more });
}


subtest 'reservations' => sub {
    my $held = json_is(reserve($shop, [ [ TEA => 4 ] ]), 201,
        { state => 'held', ownerId => 'anna', version => 1, orderId => undef,
          lines => [ { line => 1, itemId => 'TEA', shipNode => 'HAM',
                       quantity => 4 } ] });
    uuid_ok($held->{reservationId});
    my $path = "/api/v1/reservations/$held->{reservationId}";
    is(available('TEA', 'HAM'), 6, 'held stock is not available');

    problem_is($other->get($path), 404, 'not-found');
    problem_is($foreign->get($path), 404, 'not-found');
    problem_is($other->post("$path/release"), 404, 'not-found');
    json_is($c->get($path), 200, { state => 'held' }, 'the keeper sees it');

    my $short = problem_is(reserve($shop, [ [ TEA => 1 ], [ TEA => 14 ],
        [ NONE => 1 ] ]), 409, 'out-of-stock');
    is_deeply($short->{lines}, [
        { line => 2, itemId => 'TEA', requested => 14, available => 12 },
        { line => 3, itemId => 'NONE', requested => 1, available => 0 } ],
        'each short line and what is left for it');
    is(available('TEA', 'HAM'), 6, 'nothing was held');

    my $split = json_is(reserve($shop, [ [ TEA => 10 ] ]), 201, {});
    is_deeply([ map { "$_->{shipNode} $_->{quantity}" }
        @{ $split->{lines} } ], [ 'HAM 3', 'MUC 7' ],
        'no node covers it: the fullest first');
    json_is($shop->post("/api/v1/reservations/$split->{reservationId}"
        . '/release'), 200, { state => 'released' });

    json_is(reserve($shop, [ [ TEA => 7 ] ]), 201,
        { lines => [ { shipNode => 'MUC' } ] }, 'one node that covers all');
    json_is(reserve($shop, [ [ TEA => 1, 'HAM' ] ]), 201,
        { lines => [ { shipNode => 'HAM' } ] }, 'the node that is named');
    problem_is(reserve($shop, [ [ TEA => 1, 'NOPE' ] ]), 422,
        'validation-failed');
    problem_is(reserve($shop, [ [ TEA => 0 ] ]), 422, 'validation-failed');
    problem_is(reserve($shop, [ [ TEA => 1 ] ], ownerId => 'bert'), 403,
        'insufficient-scope');
    json_is(reserve($c, [ [ AIR => 1000 ] ], ownerId => 'bert'), 201,
        { ownerId => 'bert' }, 'for somebody else, and without end');

    json_is($shop->post("$path/extend", json => { expiresIn => 3600 }), 200,
        { state => 'held', version => 2 });
    json_is($shop->post("$path/confirm"), 200,
        { state => 'confirmed', expiresAt => undef, version => 3 });
    json_is($shop->post("$path/confirm"), 200, { version => 3 },
        'again: nothing happens');
    my $no = problem_is($shop->post("$path/extend",
        json => { expiresIn => 60 }), 409, 'illegal-transition');
    is($no->{from}, 'confirmed', 'from');
    is_deeply($no->{allowed}, [ 'consumed', 'released' ], 'allowed');
    json_is($shop->post("$path/release"), 200, { state => 'released' });
    problem_is($shop->post("$path/confirm"), 409, 'illegal-transition');

    my @seen = $t->sql(q{SELECT type FROM core.event
        WHERE source = '/inventory/reservation' AND subject = ?
        ORDER BY sequence}, $held->{reservationId});
    is_deeply([ map { /reservation\.(\w+)/ } @seen ],
        [ qw(created extended confirmed released) ], 'the events');
};


subtest 'expiry' => sub {
    $c->put('/api/v1/inventory/RARE/nodes/HAM', json => { quantity => 1 });
    my $held = reserve($shop, [ [ RARE => 1 ] ], expiresIn => 1)->json;
    problem_is(reserve($shop, [ [ RARE => 1 ] ]), 409, 'out-of-stock');

    wait_until { return available('RARE', 'HAM') == 1 } 'its time is up';
    my $path = "/api/v1/reservations/$held->{reservationId}";
    json_is($shop->get($path), 200, { state => 'expired' });
    my $no = problem_is($shop->post("$path/confirm"), 409,
        'illegal-transition');
    is($no->{from}, 'expired', 'too late');

    json_is(reserve($other, [ [ RARE => 1 ] ]), 201, {},
        'a due hold never blocks');
    is($t->sql(q{SELECT count(*) FROM core.event
        WHERE type LIKE '%.reservation.expired.v1' AND subject = ?},
        $held->{reservationId}), 1, 'one event says so');
};


subtest 'shortfall' => sub {
    my $path = '/api/v1/inventory/CUP/nodes/HAM';
    $c->put($path, json => { quantity => 5 });
    my $held = reserve($shop, [ [ CUP => 4 ] ])->json;
    problem_is($c->post('/api/v1/inventory/adjustments', key => key(),
        json => { reason => 'loss', lines => [ { itemId => 'CUP',
            shipNode => 'HAM', delta => -2 } ] }), 409, 'stock-reserved');

    json_is($c->put($path, json => { quantity => 1 }), 200,
        { quantity => 4, reserved => 4, shortfall => 3, available => 0 });
    my ($found) = list_all($c, '/api/v1/inventory/inconsistencies');
    is("$found->{kind} $found->{itemId} $found->{expected} $found->{found}",
       'shortfall CUP 4 1', 'it is on the list');
    problem_is($shop->get('/api/v1/inventory/inconsistencies'), 403,
        'insufficient-scope');

    $shop->post("/api/v1/reservations/$held->{reservationId}/release");
    json_is($c->get($path), 200,
        { quantity => 1, reserved => 0, shortfall => 0, available => 1 },
        'what is freed is what there is');
    is(scalar @{ list_all($c, '/api/v1/inventory/inconsistencies') }, 0,
       'and the books agree');
};


is($t->sql(q{SELECT count(*) FROM (
    SELECT max(sequence) - count(*) AS gap FROM core.event
     GROUP BY tenant, source, subject) s WHERE gap <> 0}), 0,
   'no gap in any subject\'s sequence');
ok($t->sql(q{SELECT count(*) FROM core.event
    WHERE type LIKE '%.threshold.crossed.v1'}) > 0, 'thresholds were crossed');

done_testing;
