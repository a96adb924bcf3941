import type { Scene } from './scene.ts';

/** The kinds of word problem of the starter: what happens in them, in plain English. */
export const SCENES: readonly Scene[] = [
  {
    kind: 'shells',
    opening: {
      says: ['{A} finds {n} shells on the beach.', '{A} has {n} shells in a bucket.'],
      works: ['{A} starts with {n} shells.'],
      amount: [8, 24],
    },
    events: [
      {
        operation: 'subtract',
        says: ['{She} gives {n} shells to {B}.', '{B} may pick {n} of them.'],
        works: ['After {B} takes {n}, {eq}.'],
      },
      {
        operation: 'add',
        says: ['Under a rock {she} finds {n} more.', 'The next wave brings {n} more.'],
        works: ['With {n} more, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['{B} brings {k} jars of {m} shells each.', 'At home {she} has {k} jars with {m} shells in each.'],
        works: ['The jars hold {groups}, so {eq}.'],
      },
      { operation: 'double', says: ['Then {she} finds as many again.'], works: ['As many again makes {eq}.'] },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['On the way {n} of them break.', 'Sadly, {n} turn out to be plain stones.'],
        works: ['Without the {n} bad ones, {eq}.'],
      },
      { operation: 'add', says: ['{n} were hiding in {her} pocket.'], works: ['The {n} in the pocket make {eq}.'] },
    ],
    detailPlace: 'anywhere',
    asks: ['How many shells does {A} have now?'],
  },
  {
    kind: 'bakery',
    opening: {
      says: ['{A} bakes {k} trays of {m} buns.', 'At the bakery {A} fills {k} trays with {m} buns each.'],
      works: ['The trays hold {groups} buns.'],
      amount: [4, 9],
      groups: [2, 4],
    },
    events: [
      {
        operation: 'subtract',
        says: ['{She} sells {n} buns before noon.', '{B} buys {n} buns.'],
        works: ['After selling {n}, {eq}.'],
      },
      {
        operation: 'add',
        says: ['In the afternoon {she} bakes {n} more.', '{B} brings {n} fresh buns.'],
        works: ['With {n} fresh ones, {eq}.'],
      },
      {
        operation: 'subtract-groups',
        says: ['{k} guests order {m} buns each.', '{She} sells {k} bags of {m} buns.'],
        works: ['The orders take {groups}, so {eq}.'],
      },
      { operation: 'halve', says: ['A school buys half of the buns.'], works: ['Half of them is {eq}.'] },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['Oh dear, {n} buns are burnt.', 'The cat runs off with {n} buns.'],
        works: ['Without the {n} lost ones, {eq}.'],
        amount: [2, 9],
      },
      {
        operation: 'add',
        says: ['There are also {n} buns from yesterday.'],
        works: ['With {n} from yesterday, {eq}.'],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many buns are there in the end?', 'How many buns are left?'],
  },
  {
    kind: 'library',
    opening: {
      says: ['A shelf in the library holds {n} books.', 'In the library, {A} looks after {n} books.'],
      works: ['The shelf holds {n} books.'],
      amount: [10, 30],
    },
    events: [
      {
        operation: 'subtract',
        says: ['On Monday {n} books are borrowed.', 'A class borrows {n} books.'],
        works: ['With {n} borrowed, {eq}.'],
      },
      {
        operation: 'add',
        says: ['On Tuesday {n} books come back.', '{B} returns {n} books.'],
        works: ['With {n} back, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['The post brings {k} boxes of {m} new books.', 'The town sends {k} crates of {m} books.'],
        works: ['The new books are {groups}, so {eq}.'],
      },
      {
        operation: 'subtract-groups',
        says: ['{k} children take home {m} books each.'],
        works: ['The children take {groups}, so {eq}.'],
      },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['Rain through the roof spoils {n} of them.', 'A puppy chews up {n} books.'],
        works: ['Without the {n} spoiled ones, {eq}.'],
      },
      {
        operation: 'add',
        says: ['Behind the shelf {A} discovers {n} lost books.'],
        works: ['The {n} lost ones make {eq}.'],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many books are on the shelf now?'],
  },
  {
    kind: 'bus',
    opening: {
      says: ['A bus sets off with {n} people.', '{A} drives a bus with {n} people on board.'],
      works: ['The bus starts with {n} people.'],
      amount: [8, 24],
    },
    events: [
      {
        operation: 'add',
        says: ['At the school {n} people get on.', 'At the market {n} people climb in.'],
        works: ['After {n} get on, {eq}.'],
      },
      {
        operation: 'subtract',
        says: ['At the bridge {n} people get off.', 'At the museum {n} people leave.'],
        works: ['After {n} get off, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['{k} families of {m} get on at the park.', 'At the zoo {k} groups of {m} step in.'],
        works: ['The groups are {groups}, so {eq}.'],
      },
      {
        operation: 'halve',
        says: ['At the station half of the people get off.'],
        works: ['Half of them stay, {eq}.'],
      },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['Then {n} of them notice that it is the wrong bus and jump off.', 'A band of {n} leaves to play music.'],
        works: ['Without those {n}, {eq}.'],
        amount: [2, 7],
      },
      {
        operation: 'add',
        says: ['{n} late runners just catch it.'],
        works: ['The {n} late ones make {eq}.'],
        amount: [2, 9],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many people are on the bus now?'],
  },
  {
    kind: 'garden',
    opening: {
      says: ['{A} plants {k} rows of {m} tulips.', 'In the garden of {A} stand {k} rows of {m} tulips.'],
      works: ['The rows are {groups} tulips.'],
      amount: [3, 9],
      groups: [2, 4],
    },
    events: [
      {
        operation: 'subtract',
        says: ['{She} picks {n} of them for {B}.', 'A neighbour buys {n} tulips.'],
        works: ['With {n} picked, {eq}.'],
      },
      {
        operation: 'add',
        says: ['By the gate {she} plants {n} more.', '{B} plants {n} beside the pond.'],
        works: ['With {n} new ones, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['{B} carries in {k} pots of {m} tulips.'],
        works: ['The pots hold {groups}, so {eq}.'],
      },
      {
        operation: 'subtract-groups',
        says: ['{She} ties {k} bunches of {m} and sells them.'],
        works: ['The bunches take {groups}, so {eq}.'],
      },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['At night rabbits eat {n} tulips.', 'The wind snaps {n} of them.'],
        works: ['Without the {n} lost ones, {eq}.'],
        amount: [2, 9],
      },
      {
        operation: 'add',
        says: ['In spring {n} forgotten bulbs come up too.'],
        works: ['The {n} forgotten ones make {eq}.'],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many tulips stand in the garden now?'],
  },
  {
    kind: 'pocket money',
    opening: {
      says: ['{A} saves {m} coins a week for {k} weeks.', 'For {k} weeks {A} gets {m} coins a week.'],
      works: ['{A} saves {groups} coins.'],
      amount: [3, 9],
      groups: [2, 4],
    },
    events: [
      {
        operation: 'subtract',
        says: ['A kite costs {n} coins.', '{She} spends {n} coins on a book.'],
        works: ['After paying {n}, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['{She} washes {k} cars for {m} coins each.', '{She} walks {k} dogs for {m} coins each.'],
        works: ['The work earns {groups}, so {eq}.'],
      },
      {
        operation: 'subtract-groups',
        says: ['{She} buys {k} apples for {m} coins each.'],
        works: ['The apples cost {groups}, so {eq}.'],
        amount: [2, 4],
      },
      { operation: 'double', says: ['Then Grandma doubles what {she} has.'], works: ['Doubled, it is {eq}.'] },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['Through a hole in {her} pocket {she} loses {n} coins.', '{B} gets back {n} borrowed coins.'],
        works: ['Without those {n} coins, {eq}.'],
        amount: [2, 8],
      },
      { operation: 'add', says: ['In an old coat {n} coins turn up.'], works: ['The {n} in the coat make {eq}.'] },
    ],
    detailPlace: 'anywhere',
    asks: ['How many coins does {A} have in the end?'],
  },
  {
    kind: 'train',
    opening: {
      says: ['A train leaves with {k} cars of {m} people.', '{A} drives a train of {k} cars with {m} people in each.'],
      works: ['The cars hold {groups} people.'],
      amount: [4, 9],
      groups: [2, 4],
    },
    events: [
      {
        operation: 'subtract',
        says: ['At Oak Hill {n} people get off.', 'In the old town {n} people leave.'],
        works: ['After {n} leave, {eq}.'],
      },
      {
        operation: 'add',
        says: ['At Mill Lake {n} people get on.', 'By the sea {n} people board.'],
        works: ['After {n} board, {eq}.'],
      },
      {
        operation: 'add-groups',
        says: ['{k} clubs of {m} board at the castle.'],
        works: ['The clubs are {groups}, so {eq}.'],
      },
      {
        operation: 'halve',
        says: ['In the big city half of the people get off.'],
        works: ['Half of them stay, {eq}.'],
      },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['A sleepy group of {n} wakes up and hurries out.', '{n} of them step out for ice cream and miss it.'],
        works: ['Without those {n}, {eq}.'],
        amount: [2, 9],
      },
      {
        operation: 'add',
        says: ['A crew of {n} comes aboard to serve tea.'],
        works: ['The crew of {n} makes {eq}.'],
        amount: [2, 7],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many people are on the train now?'],
  },
  {
    kind: 'ages',
    opening: {
      says: ['{A} is {n} years old.', 'This year {A} turns {n}.'],
      works: ['{A} is {n}.'],
      amount: [4, 15],
    },
    events: [
      {
        operation: 'add',
        says: ['{next} is {n} years older than {prev}.', '{prev} is {n} years younger than {next}.'],
        works: ['{next} is {eq}.'],
        amount: [2, 9],
      },
      {
        operation: 'subtract',
        says: ['{next} is {n} years younger than {prev}.'],
        works: ['{next} is {eq}.'],
        amount: [2, 9],
      },
      { operation: 'double', says: ['{next} is twice as old as {prev}.'], works: ['{next} is {eq}.'] },
      { operation: 'halve', says: ['{next} is half as old as {prev}.'], works: ['{next} is {eq}.'] },
    ],
    details: [
      {
        operation: 'add',
        says: ['We look {n} years ahead.', 'Now let {n} years pass.'],
        works: ['After {n} years it is {eq}.'],
      },
      {
        operation: 'subtract',
        says: ['We think back to {n} years ago.'],
        works: ['Before those {n} years it was {eq}.'],
        amount: [2, 6],
      },
    ],
    detailPlace: 'last',
    asks: ['How old is {next} then?'],
  },
  {
    kind: 'eggs',
    opening: {
      says: ['{A} has {k} hens that lay {m} eggs each.', 'On the farm {k} hens lay {m} eggs each.'],
      works: ['The hens lay {groups} eggs.'],
      amount: [3, 9],
      groups: [2, 4],
    },
    events: [
      {
        operation: 'subtract',
        says: ['{A} cooks {n} eggs for the family.', '{B} takes {n} eggs for a cake.'],
        works: ['After using {n}, {eq}.'],
      },
      {
        operation: 'add',
        says: ['The geese add {n} eggs.', '{B} brings {n} eggs from next door.'],
        works: ['With {n} added, {eq}.'],
      },
      {
        operation: 'subtract-groups',
        says: ['{k} boxes of {m} eggs go to the shop.'],
        works: ['The boxes take {groups}, so {eq}.'],
      },
      {
        operation: 'double',
        says: ['The next day brings as many eggs again.'],
        works: ['As many again makes {eq}.'],
      },
    ],
    details: [
      {
        operation: 'subtract',
        says: ['The dog steps on {n} eggs.', 'A crack shows in {n} eggs, so they are thrown out.'],
        works: ['Without the {n} broken ones, {eq}.'],
        amount: [2, 8],
      },
      {
        operation: 'add',
        says: ['In the hay lie {n} eggs that nobody had seen.'],
        works: ['The {n} in the hay make {eq}.'],
      },
    ],
    detailPlace: 'anywhere',
    asks: ['How many eggs are there in the end?', 'How many eggs are left?'],
  },
];
